"""Pixels in and out of the network."""

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from sinet.core.postprocess import person_probability, postprocess
from sinet.core.preprocess import preprocess
from sinet.core.resample import resize_map
from sinet.core.spec import OutputSpec, PreprocessSpec
from sinet.core.types import Geometry
from sinet.evaluation.picture import synthetic_portrait

FULL_HD = (1080, 1920)
SPEC = PreprocessSpec((224, 224), "nchw", "bgr", (104.0, 117.0, 123.0), (58.0, 57.0, 58.0))
RNG = np.random.default_rng(0)


def test_preprocess(benchmark: BenchmarkFixture) -> None:
    benchmark(preprocess, synthetic_portrait(), SPEC)


def test_softmax(benchmark: BenchmarkFixture) -> None:
    logits = RNG.normal(size=(1, 2, 320, 320)).astype(np.float32)
    benchmark(person_probability, logits, OutputSpec("nchw", "softmax", 1))


def test_sigmoid_to_full_size(benchmark: BenchmarkFixture) -> None:
    logits = RNG.normal(size=(1, 1, 224, 224)).astype(np.float32)
    benchmark(postprocess, logits, OutputSpec("nchw", "sigmoid", 0), Geometry(FULL_HD, (224, 224)))


def test_resize_map(benchmark: BenchmarkFixture) -> None:
    benchmark(resize_map, RNG.random((224, 224), np.float32), FULL_HD)
