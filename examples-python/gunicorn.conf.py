"""gunicorn reads this file by itself: `gunicorn orders:app` needs no options."""

import os

bind = f"127.0.0.1:{os.environ.get('PORT', '5000')}"
threads = 8
graceful_timeout = 5
