"""Kept records to figures, text and pictures. Nothing here samples."""
