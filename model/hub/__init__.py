"""Models on the Hub: one commit downloaded whole, and its errors explained.

names     the address of the public Hub, the branches of a run, and the titles of its commits
limits    time limits of the client's requests
snapshot  one commit of a repo, downloaded into the client's cache
cache     which commits the cache holds, and the commit that a branch meant last
errors    why a request to the Hub failed, in one line for the user
"""
