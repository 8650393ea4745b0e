"""Verb: is this data fit to train on?"""
