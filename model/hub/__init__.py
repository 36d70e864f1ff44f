"""Models on the Hub: one commit downloaded whole, and its errors explained.

limits    time limits of the client's requests
snapshot  one commit of a repo, downloaded into the client's cache; the commits in that cache
errors    explains a failed request to the Hub in one line for the user
"""
