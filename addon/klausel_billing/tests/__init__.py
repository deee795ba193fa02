from . import (
    test_access,
    test_apply,
    test_contract,
    test_covered,
    test_demo,
    test_guard,
    test_info,
    test_load,
    test_notes,
    test_override,
    test_parts,
    test_reversal,
)
