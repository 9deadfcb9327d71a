"""From a preset and the user's settings to the Object Detection API's pipeline.config."""
