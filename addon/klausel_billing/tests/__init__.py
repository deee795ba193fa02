from . import test_access, test_contract, test_demo, test_info, test_notes, test_parts
