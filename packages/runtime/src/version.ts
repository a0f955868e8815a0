import rootPackage from '../../../package.json' with { type: 'json' }

/** The release that wrote a row: `pipeline_version` in every table. */
export const pipelineVersion: string = rootPackage.version
