"""A person's word on a set: a page on this machine that shows pictures with their labels and takes good or bad."""
