"""Whether an artefact still detects what its checkpoint does: how much it lost and may lose, which boxes it keeps."""
