/** A page without its fenced blocks: what begins with # there is no heading. */
export function withoutCode(text: string): string {
  return text.replaceAll(/^```.*?^```$/gms, '')
}

/** The headings of a page, of all levels. */
export function headingsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!)
}

/** The anchor that GitHub makes of a heading. */
export function toAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
}
