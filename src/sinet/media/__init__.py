"""Pixels in, pixels out: the only place where files, codecs, EXIF and colour profiles exist."""
