"""Commands that read trained models; `main` of the folder above dispatches them.

compare  the commands `compare` and `curve`
"""
