/** A setting that stops the start. Its message is one line that names the variable, what it got and what it takes. */
export class ConfigError extends Error {
  readonly code = 'invalid_config'
  override readonly name = 'ConfigError'
}
