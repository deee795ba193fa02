import { localization } from "@web/core/l10n/localization";
import { registry } from "@web/core/registry";
import { CharField, charField } from "@web/views/fields/char/char_field";
import { useInputField } from "@web/views/fields/input_field_hook";
import { useRef } from "@odoo/owl";

/** A number that is kept with a decimal point, with the sign of the reader's language. */
function shown(text) {
    return /^[+-]?\d+\.\d+$/.test(text) ? text.replace(".", localization.decimalPoint) : text;
}

/**
 * A number that is kept as text, digit by digit. What is typed stays as it is until the server has
 * read it: one that may be two numbers must not look like one of them.
 */
export class NumberField extends CharField {
    setup() {
        this.input = useRef("input");
        this.typed = null;
        useInputField({
            getValue: () => this.formattedValue,
            parse: (value) => {
                this.typed = this.parse(value);
                return this.typed;
            },
        });
        this.selectionStart = 0;
    }

    get formattedValue() {
        const text = this.props.record.data[this.props.name] || "";
        return text === this.typed ? text : shown(text);
    }
}

registry.category("fields").add("klausel_number", {
    ...charField,
    component: NumberField,
    supportedTypes: ["char"],
});
