/** Requests by which another tool in the process sends its own telemetry: no call of the app's. */

/** Sentry's envelopes, and what dd-trace has for its agent. Those of OpenTelemetry's exporters are marked by themselves. */
const paths =
  /^\/(?:api\/\d+\/(?:envelope|store)\/\?.*\bsentry_key=|v0\.\d\/(?:traces|stats|config)$|telemetry\/proxy\/api\/v\d\/|dogstatsd\/v\d\/proxy|evp_proxy\/v\d\/|profiling\/v\d\/input$)/;

/** `target` is what the request line has: path and query. */
export function isForeignTelemetry(target: string): boolean {
  return paths.test(target);
}
