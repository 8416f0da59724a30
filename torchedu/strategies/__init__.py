"""How a network is trained on several processes and devices, each way under one name.

Nothing is imported here: ``named.py`` says where each strategy is, and loads the one asked for.
"""
