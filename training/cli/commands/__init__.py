"""Commands that read or push trained models, each a module; `main` of the folder above dispatches them.

compare       the commands `compare` and `curve`
push_bundled  the command `push-bundled`
"""
