"""Serves the app with several processes or machines (docs/scale.md). Nothing here is needed for `python app.py`.

ray         Ray Serve: `serve run deploy.ray:app`
service     the app as one ASGI app, for servers that app.py does not start
"""
