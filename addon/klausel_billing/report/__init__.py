from . import activity_record_report
