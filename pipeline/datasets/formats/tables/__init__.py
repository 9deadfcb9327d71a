"""The formats that are csv tables, a module each, and how a table becomes images with boxes."""
