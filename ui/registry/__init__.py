"""The models that are served, and their newer commits.

registry      all served models: loading, loaded or failed
specs         the models that a site serves, by path or name
loaded_model  one served model: its engine, welcome text and example prompts
auto_update   serves newer commits from the Hub
"""
