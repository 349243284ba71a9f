/** Logs in tests (A66): what was logged, without a network and without a timer. */
export { type CapturedLogs, captureLogs, captureNoLogs } from './logs/capture.ts';
