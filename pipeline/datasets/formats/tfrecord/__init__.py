"""TFRecord: images and boxes in record files, as the Object Detection API reads them."""
