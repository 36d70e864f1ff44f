"""Decides which requests are answered, and how many of each client.

filter           the middleware in front of the app: a request that it denies is never parsed
paths            the open paths and methods, with the largest body of each
gradio_calls     checks the requests to Gradio's queue before Gradio reads them
unread_calls     reads the results of calls that no client reads
addresses        the address of a client, the hosts that a request may name, the address of the app
answers          the answers to refused requests
limits           the limits of one address: requests, bytes, processor time, replies, characters
workers          runs slow work in threads, first that of the client that has used least
"""
