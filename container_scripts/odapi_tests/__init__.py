"""What the Object Detection API's own tests need and its package lacks."""
