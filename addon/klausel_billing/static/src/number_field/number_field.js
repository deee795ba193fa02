import { localization } from "@web/core/l10n/localization";
import { registry } from "@web/core/registry";
import { CharField, charField } from "@web/views/fields/char/char_field";
import { useInputField } from "@web/views/fields/input_field_hook";
import { useRef } from "@odoo/owl";

/**
 * A number that is kept with a decimal point, with the sign of the reader's language. Three
 * decimals would look like thousands to others: they get a fourth. Not where it may be doubted yet.
 */
function shown(text, saved) {
    const point = localization.decimalPoint;
    if (point === "." || !/^[+-]?\d+\.\d+$/.test(text)) {
        return text;
    }
    if (/^[+-]?[1-9]\d{0,2}\.\d{3}$/.test(text)) {
        return saved ? text.replace(".", point) + "0" : text;
    }
    return text.replace(".", point);
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
        const { data, dirty, isNew } = this.props.record;
        const text = data[this.props.name] || "";
        return text === this.typed ? text : shown(text, !(dirty || isNew));
    }
}

registry.category("fields").add("klausel_number", {
    ...charField,
    component: NumberField,
    supportedTypes: ["char"],
});
