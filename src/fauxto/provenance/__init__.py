"""What a file says of itself: Content Credentials, generator, camera and editing metadata.

Never touches pixels. Fields are read where their format puts them; bytes are never searched for a
word, and bytes after a picture's end are never metadata.
"""
