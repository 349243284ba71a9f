import './telemetry.mjs';
import './app.mjs';
