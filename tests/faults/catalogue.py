"""Faults 1 to 32 of the reliability notes (A3), and the one test that provokes each."""

from __future__ import annotations

FAULTS = {
    1: ("a camera is unplugged while it runs", "test_01_unplugged_while_it_runs"),
    2: ("a camera is absent at boot", "test_02_absent_at_boot"),
    3: (
        "it appears under another device number",
        "test_03_it_appears_again_under_another_device_number",
    ),
    4: ("frozen: the same frame again and again", "test_04_frozen"),
    5: ("only the clock in the picture moves", "test_05_only_the_clock_in_the_picture_moves"),
    6: ("all black, white or green", "test_06_a_picture_of_one_colour"),
    7: ("H.264 that lost its reference", "test_07_pictures_that_have_lost_their_reference"),
    8: ("slow: 2 frames a second of 30", "test_08_slow"),
    9: ("a burst of frames", "test_09_a_burst_of_frames"),
    10: ("half-open TCP", "test_10_a_connection_that_is_open_and_silent"),
    11: ("no reply, 401, 404, 453, no video", "test_11_it_accepts_and_refuses"),
    12: ("the resolution changes", "test_12_another_resolution_in_the_middle"),
    13: ("wrong channels, mono, Bayer", "test_13_pixels_of_another_kind"),
    14: ("time stamps jump, repeat, are missing", "test_14_timestamps_that_lie"),
    15: ("lamp, exposure, focus get worse", "test_15_the_picture_gets_worse_slowly"),
    16: ("the camera was moved", "test_16_the_camera_was_moved"),
    17: ("lost packets, incomplete pictures", "test_17_a_picture_is_lost_on_its_way"),
    18: ("the decoder crashes", "test_18_the_decoder_crashes"),
    19: ("engine file missing, cut, flipped, longer", "test_19_a_damaged_engine_file"),
    20: ("engine of another machine", "test_20_an_engine_of_another_machine"),
    21: ("deserialising gives nothing", "test_21_tensorrt_answers_nothing"),
    22: ("ONNX that is no model for us", "test_22_an_onnx_file_that_is_no_model_for_us"),
    23: ("NaN, infinite, absurd or crowded output", "test_23_an_output_that_is_none"),
    24: ("no detections after INT8", "test_24_int8_finds_nothing"),
    25: ("slow decay of accuracy", "test_25_accuracy_decays_slowly"),
    26: ("both engines are bad", "test_26_both_engines_are_bad"),
    27: ("out of memory: load, run, build", "test_27_out_of_memory"),
    28: ("a sticky CUDA error", "test_28_a_cuda_error_that_sticks"),
    29: ("the GPU hangs", "test_29_the_gpu_hangs"),
    30: ("heat and throttling", "test_30_heat"),
    31: (
        "another power mode than at the build",
        "test_31_another_power_mode_than_the_bundle_was_measured_in",
    ),
    32: (
        "no permission on a GPU node",
        "test_32_a_node_of_the_gpu_that_this_user_may_not_open",
    ),
}
"""What goes wrong, and its test, by the list's number; 1 to 18 are of cameras, the rest of engines.
Parts of 13, 16 and 30 are expected to fail, with the reason: the product does not do them."""
