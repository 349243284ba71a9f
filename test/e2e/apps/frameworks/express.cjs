require('./express-app.cjs').run(require('express'));
