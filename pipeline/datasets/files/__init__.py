"""Files of any format: listed in their folder, read as strangers wrote them, and written whole or not at all."""
