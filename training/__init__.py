"""From a text to a character LSTM: ``python -m training my.txt --minutes 10 --push-to user/name``."""
