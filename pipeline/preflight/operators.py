"""What Edge TPU Compiler 16 knows: the operators that the chip runs, and the versions that it can read at all.

The operators are those of https://coral.ai/docs/edgetpu/models-intro/#supported-operations at runtime version 14, the
newest there is. The versions are those of the TensorFlow Lite (July 2021) that the compiler was built with; they agree
with what people met: it refuses CONV_2D 6 (google-coral/edgetpu#631), TRANSPOSE_CONV 4 (#845), QUANTIZE 3 (#879), EXP 2
(google-coral/libedgetpu#71). A file that holds a newer one is refused as a whole.
"""

from __future__ import annotations

COMPILER = "16.0"
RUNTIME = 14
POST_PROCESS = "TFLite_Detection_PostProcess"
KNOWN_CUSTOM = frozenset((POST_PROCESS, "AudioSpectrogram", "Mfcc", "NumericVerify"))

SUPPORTED = frozenset(
    (
        "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
        "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD", "PRELU",
        "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQUARED_DIFFERENCE",
        "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TRANSPOSE", "TRANSPOSE_CONV", "UNIDIRECTIONAL_SEQUENCE_LSTM",
    )
)  # fmt: skip

# Newest version of each operator that the compiler reads
_VERSIONS = {
    1: "ADD_N CALL_ONCE CAST CEIL COMPLEX_ABS CONV_3D COS CUMSUM CUSTOM DENSIFY ELU EMBEDDING_LOOKUP_SPARSE EXP "
    "EXPAND_DIMS FLOOR FLOOR_MOD HARD_SWISH HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE "
    "IF IMAG L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LSH_PROJECTION MATRIX_DIAG "
    "MATRIX_SET_DIAG NEG NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 ONE_HOT POW PRELU RANGE RANK REAL REDUCE_ANY "
    "REDUCE_PROD RELU_N1_TO_1 RESHAPE REVERSE_SEQUENCE RFFT2D ROUND SCATTER_ND SEGMENT_SUM SELECT_V2 SHAPE SIN "
    "SKIP_GRAM SQRT SQUARE UNIQUE WHERE WHILE ZEROS_LIKE",
    2: "ARG_MAX ARG_MIN DEPTH_TO_SPACE DIV FAKE_QUANT FLOOR_DIV GREATER GREATER_EQUAL L2_NORMALIZATION LEAKY_RELU LESS "
    "LESS_EQUAL LOG_SOFTMAX MIRROR_PAD QUANTIZE RSQRT SELECT SPACE_TO_DEPTH SPLIT_V SQUARED_DIFFERENCE SQUEEZE SUM "
    "TILE TOPK_V2",
    3: "ABS ADD AVERAGE_POOL_2D BATCH_TO_SPACE_ND BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN BROADCAST_TO "
    "CONCATENATION EMBEDDING_LOOKUP EQUAL FILL GATHER_ND LOGISTIC MAX_POOL_2D MEAN NOT_EQUAL PACK PAD PADV2 REDUCE_MAX "
    "REDUCE_MIN RELU RELU6 REVERSE_V2 RNN SOFTMAX SPACE_TO_BATCH_ND SPARSE_TO_DENSE TANH TRANSPOSE_CONV "
    "UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN",
    4: "BATCH_MATMUL DEQUANTIZE LSTM MAXIMUM MINIMUM MUL RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPLIT SVDF UNPACK",
    5: "CONV_2D GATHER SLICE STRIDED_SLICE SUB TRANSPOSE",
    6: "DEPTHWISE_CONV_2D",
    9: "FULLY_CONNECTED",
}
_NEWEST_VERSION = {name: version for version, names in _VERSIONS.items() for name in names.split()}

MAPPED = "Mapped to Edge TPU"
DATA_TYPE = "Operation is working on an unsupported data type"
NOT_SUPPORTED = "Operation not supported"
RANK = "Tensor has unsupported rank (up to 3 innermost dimensions mapped)"
NOT_CONSTANT = "Filter, bias, or other param is not constant at compile-time"
LIMITATION = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
AFTER_CUT = "More than one subgraph is not supported"
VERSION = "Operation version not supported"
DYNAMIC = "Operation has dynamic-sized tensors"  # the compiler names no operator: it ends with STATIC_ONLY
FAILS = "Compilation failed"

STATIC_ONLY = (
    "Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors."
)

PLAIN = {
    MAPPED: "runs on the Edge TPU",
    DATA_TYPE: "CPU: its numbers are not 8-bit",
    NOT_SUPPORTED: "CPU: the Edge TPU has no such operator",
    RANK: "CPU: more than three dimensions are larger than 1",
    NOT_CONSTANT: "CPU: its weights are computed, not fixed in the file",
    LIMITATION: "CPU: not in this form",
    AFTER_CUT: "CPU: could run on the Edge TPU, but comes after one that cannot",
    VERSION: "refused: the operator is newer than the compiler",
    DYNAMIC: "refused: a size is only known when the model runs",
    FAILS: "not mapped: the compiler refuses the file",
}

# Which inputs say how to do it (a shape, an axis), and which is added at the end; all others are numbers that it
# works on. https://www.tensorflow.org/mlir/tfl_ops
PARAMETERS: dict[str, tuple[int, ...]] = {
    "BROADCAST_TO": (1,), "EXPAND_DIMS": (1,), "FILL": (0,), "MEAN": (1,), "PAD": (1,), "REDUCE_MAX": (1,),
    "REDUCE_MIN": (1,), "RESHAPE": (1,), "RESIZE_BILINEAR": (1,), "RESIZE_NEAREST_NEIGHBOR": (1,), "SLICE": (1, 2),
    "SPLIT": (0,), "STRIDED_SLICE": (1, 2, 3), "SUM": (1,), "TILE": (1,), "TRANSPOSE": (1,), "TRANSPOSE_CONV": (0,),
}  # fmt: skip
BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
WEIGHTS = {
    "CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1, "PRELU": 1,
}  # fmt: skip


def newest_version(name: str) -> int:
    """Return the newest version of an operator that the compiler reads; 0 of one that it does not know at all."""
    return _NEWEST_VERSION.get(name, 0)
