import { AutoComplete } from "@web/core/autocomplete/autocomplete";
import { registry } from "@web/core/registry";
import { useChildRef, useService } from "@web/core/utils/hooks";
import { CharField, charField } from "@web/views/fields/char/char_field";
import { useInputField } from "@web/views/fields/input_field_hook";

/** Letters and digits alone: "third party" finds "third_party". */
function plain(text) {
    return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/**
 * A text field that offers the words that published policies know, or those that another field of
 * the record lists. Any other may be written.
 */
export class WordField extends CharField {
    static template = "klausel_billing.WordField";
    static components = { ...CharField.components, AutoComplete };
    static props = { ...CharField.props, known: { type: String, optional: true } };

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.inputRef = useChildRef();
        this.known = new Map();
        useInputField({
            getValue: () => this.props.record.data[this.props.name] || "",
            parse: (value) => this.parse(value),
            ref: this.inputRef,
        });
    }

    get sources() {
        return [{ options: (request) => this.offered(request) }];
    }

    /** What fits what was typed; all of them where nothing does. */
    async offered(request) {
        const words = await this.words();
        const typed = plain(request);
        const fitting = words.filter((word) => plain(word).includes(typed));
        return (fitting.length ? fitting : words).map((word) => ({
            label: word,
            onSelect: () => this.props.record.update({ [this.props.name]: word }),
        }));
    }

    /** Asked for once per company while the form is open; a record's own list stands in it. */
    async words() {
        if (this.props.known) {
            // What was chosen just now may still be on its way.
            await this.props.record.model.mutex.getUnlockedDef();
            return JSON.parse(this.props.record.data[this.props.known] || "[]");
        }
        const company = this.props.record.data.company_id?.id || false;
        if (!this.known.has(company)) {
            const domain = [["fact", "=", this.props.name.replace(/^klausel_/, "")]];
            if (company) {
                domain.push(["company_id", "=", company]);
            }
            const found = this.orm
                .searchRead("klausel.word", domain, ["name"])
                .then((rows) => [...new Set(rows.map((row) => row.name))].sort());
            this.known.set(company, found);
        }
        return this.known.get(company);
    }
}

registry.category("fields").add("klausel_word", {
    ...charField,
    component: WordField,
    supportedTypes: ["char"],
    extractProps: (info, dynamicInfo) => ({
        ...charField.extractProps(info, dynamicInfo),
        known: info.options.known,
    }),
    fieldDependencies: ({ options }) =>
        options.known
            ? [{ name: options.known, type: "char" }]
            : [{ name: "company_id", type: "many2one", relation: "res.company" }],
});
