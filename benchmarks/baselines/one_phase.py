"""container_scripts/train.py, but with one phase for quantized models, as the Object Detection API trains them.

    python benchmarks/baselines/one_phase.py ...the arguments of train.py

The rewriter is in the graph from the first step and waits for its `delay` itself; batch norms are never frozen.
benchmarks/two_phases.py lays it into a copy of the project in place of train.py, whose own file is train_two_phases.py
there. Everything else, evaluations and checkpoints included, is the same code.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import train_two_phases as train
from tensorflow.contrib import quantize
from training import training_graph, training_loop


def main():
    """Take the phases away from the loop, then train."""
    build = training_graph.build_training_graph

    def build_one_phase(config, quantized, *words, **more):
        delay = config.graph_rewriter.quantization.delay
        rewrite = quantize.experimental_create_training_graph
        quantize.experimental_create_training_graph = lambda quant_delay: rewrite(quant_delay=delay)
        try:
            return build(config, quantized, *words, **more)
        finally:
            quantize.experimental_create_training_graph = rewrite

    training_graph._freeze_batch_norm = lambda model: None
    training_graph.build_training_graph = build_one_phase
    training_loop.TrainingLoop._is_quantization_due = lambda loop: True
    return train.main()


if __name__ == "__main__":
    raise SystemExit(main())
