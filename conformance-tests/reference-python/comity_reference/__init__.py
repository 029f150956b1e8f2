"""A second implementation of the Comity protocol, written from the text in spec/protocol alone.

It is there to show that the text says enough, and to disagree where it does not. It is no product: see README.md.
"""
