/** A setting that stops the start. The message is one line with the variable, its value and the values that it takes. */
export class ConfigError extends Error {
  readonly code = 'invalid_config'
  override readonly name = 'ConfigError'
}
