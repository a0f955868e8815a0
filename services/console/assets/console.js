// Draws the charts of a page, and draws them anew when their data, their width or the colours change. The rest of the
// pages works without script; htmx is told by attributes.

const uplots = new WeakMap()

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

function draw(element) {
  const { times, series, unit, kind } = JSON.parse(element.dataset.chart)
  uplots.get(element)?.destroy()
  const axis = {
    stroke: colourOf('muted'),
    grid: { stroke: colourOf('line'), width: 1 },
    ticks: { stroke: colourOf('line'), width: 1 },
    font: '12px system-ui, sans-serif',
  }
  const lines = series.map(({ label, tone, isDashed }) => ({
    label,
    stroke: colourOf(tone),
    width: isDashed ? 1.5 : 2,
    ...(isDashed && { dash: [4, 4] }),
    ...(kind === 'bars' && { paths: uPlot.paths.bars({ size: [0.7, 40] }), fill: colourOf(tone), width: 0 }),
    points: { show: kind !== 'bars' && times.length < 40, size: 5, fill: colourOf('panel') },
    value: (_, value) =>
      value === null ? '–' : `${value.toLocaleString('en-US', { maximumFractionDigits: 1 })}${unit}`,
  }))
  const options = {
    width: element.clientWidth,
    height: 180,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
    cursor: { y: false },
    legend: { live: true },
    scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
    series: [{ value: (_, seconds) => (seconds === null ? '–' : whenText(seconds)) }, ...lines],
    axes: [
      { ...axis, values: xLabels },
      {
        ...axis,
        size: 56,
        values: (_, values) => values.map((value) => value.toLocaleString('en-US') + unit),
      },
    ],
  }
  uplots.set(element, new uPlot(options, [times, ...series.map(({ values }) => values)], element))
}

function whenText(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')
}

// English texts of the day and the hour, in 24 hours.
const xLabels = [
  [86_400, '{MMM} {D}', null, null, null, null, null, null, 1],
  [3_600, '{HH}:{mm}', '\n{MMM} {D}', null, '\n{MMM} {D}', null, null, null, 1],
  [60, '{HH}:{mm}', '\n{MMM} {D}', null, '\n{MMM} {D}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{MMM} {D}', null, '\n{MMM} {D}', null, null, null, 1],
]

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = uplots.get(target)
    if (plot && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: 180 })
  }
})

const changed = new MutationObserver((changes) => {
  for (const { target } of changes) {
    const { times, series } = JSON.parse(target.dataset.chart)
    uplots.get(target).setData([times, ...series.map(({ values }) => values)])
  }
})

function adopt(root) {
  for (const element of root.querySelectorAll('[data-chart]')) {
    if (uplots.has(element)) continue
    draw(element)
    resized.observe(element)
    changed.observe(element, { attributeFilter: ['data-chart'] })
  }
}

adopt(document)
// On a phone the row of pages is longer than the screen.
document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' })
document.addEventListener('htmx:after:swap', () => adopt(document))
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const element of document.querySelectorAll('[data-chart]')) draw(element)
})
