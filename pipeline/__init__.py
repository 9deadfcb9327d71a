"""The orchestrator: labelled images in; Edge TPU, phone and browser models out.

Kept free of imports: `pipeline.receipts` is also read by Python 3.6 inside the images.
"""
