"""What goes in and comes out: values, replies and failures."""

import copy
import pathlib
import pickle
from typing import Any, get_type_hints

import support
from support import LOGIN

import import_cji
from import_cji import Engine, ImportCjiError, Reply, _abi


class GivenTest(support.EngineTest):
    """What the ABI can't carry is refused before the library sees it."""

    def calls(self) -> list[tuple[str, str, Any, dict[str, Any]]]:
        """Each parameter of each method: the method's name, the parameter, its kind, and values for all parameters."""
        found = []
        for function, (_, parameters) in _abi.FUNCTIONS.items():
            name = function[4:] if function.startswith("cji_") else function
            kinds = {key: kind for key, kind in parameters.items() if hasattr(kind, "encoded")}
            if hasattr(self.engine, name) and not ("callback" in parameters or "progress" in parameters):
                values = {key: 1 if kind is _abi.Int32 else "" for key, kind in kinds.items()}
                found += [(name, key, kind, values) for key, kind in kinds.items()]
        return found

    def test_a_value_of_a_wrong_type_is_a_typeerror_that_names_its_parameter(self) -> None:
        self.assertEqual(len({name for name, *_ in self.calls()}), 20)
        for name, parameter, _, values in self.calls():
            for wrong in (None, b"text", 1.5, {1}, object()):
                with (
                    self.subTest(f"{name} {parameter} {wrong!r}"),
                    self.assertRaisesRegex(TypeError, f"^{parameter}: "),
                ):
                    getattr(self.engine, name)(**{**values, parameter: wrong})

    def test_a_nul_character_is_a_valueerror_that_names_its_parameter(self) -> None:
        for name, parameter, kind, values in self.calls():
            if kind is not _abi.Int32:
                with self.subTest(f"{name} {parameter}"), self.assertRaisesRegex(ValueError, f"^{parameter}: .*NUL"):
                    getattr(self.engine, name)(**{**values, parameter: "a\0b"})

    def test_text_that_is_no_unicode_is_a_unicodeerror(self) -> None:
        for name, parameter, kind, values in self.calls():
            if kind is not _abi.Int32:
                with self.subTest(f"{name} {parameter}"), self.assertRaises(UnicodeError):
                    getattr(self.engine, name)(**{**values, parameter: "a\ud800b"})

    def test_a_number_of_more_than_32_bits_is_an_overflowerror(self) -> None:
        for wrong in (2**31, -(2**31) - 1, 2**64 + 1):
            with self.subTest(wrong), self.assertRaisesRegex(OverflowError, "^limit: "):
                self.engine.dial_next("12", wrong, 60)

    def test_an_int_is_no_text_and_a_text_no_int(self) -> None:
        with self.assertRaisesRegex(TypeError, "^user: "):
            self.engine.user_disable("myteam", "agent", 1001)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "^limit: "):
            self.engine.dial_next("12", "5", 60)  # type: ignore[arg-type]

    def test_a_number_is_an_id_and_a_count_of_lines(self) -> None:
        campaign = self.engine.campaign_add("myteam", {"name": "By number"})
        data = self.engine.campaign_get(int(campaign))
        with self.assertRaisesRegex(ImportCjiError, "source"):
            self.engine.import_cji(
                orgidentity="myteam",
                usertype="agent",
                user="1001",
                pwdtype="plaintext",
                password="secret",
                modeltype="Campaign",
                model_id=data["id"],
                delrow=1,
                source="none",
                context="x",
            )

    def test_the_parameters_of_an_import_have_names(self) -> None:
        with self.assertRaises(TypeError):
            self.engine.import_cji("myteam")  # type: ignore[misc]
        with self.assertRaisesRegex(TypeError, "colour"):
            self.engine.import_cji(colour="red")  # type: ignore[call-arg]

    def test_what_is_no_json_is_refused(self) -> None:
        loop: list[Any] = []
        loop.append(loop)
        for wrong, error in (
            ([float("nan")], ValueError),
            (loop, ValueError),
            ([{1}], TypeError),
            (["\ud800"], UnicodeError),
        ):
            with self.subTest(repr(wrong)), self.assertRaises(error):
                self.engine.query("SELECT ?", wrong)

    def test_what_is_no_function_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "^callback: "):
            self.engine.callback_set("done", "print")  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "^progress: "):
            self.engine.progress_set(1)  # type: ignore[arg-type]

    def test_locations_and_options_are_checked_likewise(self) -> None:
        for wrong in (None, b":memory:", 1):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "^location: "):
                Engine(wrong)  # type: ignore[arg-type]
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "^options: "):
                Engine(":memory:", wrong)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "^library: "):
            Engine(":memory:", library=1)  # type: ignore[arg-type]
        with self.assertRaisesRegex(ValueError, "^location: "):
            Engine("a\0b")
        with self.assertRaises(UnicodeError):
            Engine("a\udc80b")

    def test_json_may_be_native_or_text(self) -> None:
        self.add()
        for given in ({"limit": 1}, '{"limit": 1}', ""):
            with self.subTest(given):
                self.assertEqual(len(self.engine.customer_list("12", given)["customers"]), 1)  # type: ignore[arg-type]
        self.assertEqual(self.engine.query("SELECT ?, ?", ("张\0伟", None))["rows"], [["张\0伟", None]])

    def test_ids_may_be_numbers_or_text(self) -> None:
        self.add()
        self.assertEqual(self.engine.customer_set(12, 1, {"status": "pending"}), "")
        self.assertEqual(self.engine.customer_set("12", "1", {"agent": "1001"}), "")
        customer = self.engine.customer_list(12)["customers"][0]
        self.assertEqual((customer["status"], customer["agent"]), ("pending", "1001"))

    def test_paths_may_be_path_objects(self) -> None:
        files = support.served(self)
        with support.folder() as folder:
            with support.opened(str(folder / "calls.db")) as engine:
                engine.import_cji(**LOGIN, source="http", context=files.url + "/leads.csv")
                engine.job_rejects(1, folder / "rejects.csv")
            self.assertTrue((folder / "rejects.csv").exists())
            with Engine(pathlib.Path(folder / "calls.db")) as engine:
                self.assertEqual(engine.campaign_get(12)["customers"], 2)


class GivenBackTest(support.EngineTest):
    def test_an_import_gives_its_reply(self) -> None:
        reply = self.engine.import_cji(**LOGIN, source="data", context="phone1=138")
        self.assertEqual(reply, Reply(1, "customer 1 added"))

    def test_a_failure_is_an_exception_with_code_and_message(self) -> None:
        with self.assertRaises(ImportCjiError) as caught:
            self.engine.campaign_get("99")
        error = caught.exception
        self.assertEqual((error.code, error.message, str(error)), (2, "campaign_id '99' is no campaign", error.message))
        self.assertEqual(pickle.loads(pickle.dumps(error)).message, error.message)

    def test_an_engine_that_does_not_open_is_such_an_exception_too(self) -> None:
        with self.assertRaisesRegex(ImportCjiError, "colour"):
            Engine(":memory:", {"colour": "red"})  # type: ignore[arg-type]

    def test_failures_of_the_web_surfaces_are_texts_for_their_clients(self) -> None:
        self.assertIn("|Retuen|2|Retuen|", self.engine.import_ws())
        self.assertIn("|Retuen|2|Retuen|", self.engine.import_event("EVENT=Export"))
        self.assertIn('f({"code":2', self.engine.import_jsonp("callback=f"))

    def test_the_types_say_what_the_library_gives(self) -> None:
        url = support.served(self).url + "/leads.csv"
        self.engine.import_cji(**LOGIN, source="http", context=url, phone_field="phone1")
        campaign, customers = self.engine.campaign_get(12), self.engine.customer_list(12)
        entries, leased = self.engine.dial_list(12), self.engine.dial_next(12, 1, 60)
        given: list[tuple[Any, Any]] = [
            (import_cji.Campaign, campaign),
            (import_cji.Field, campaign["fields"][0]),
            (import_cji.Customers, customers),
            (import_cji.Customer, customers["customers"][0]),
            (import_cji.Entries, entries),
            (import_cji.Entry, entries["entries"][0]),
            (import_cji.Leased, leased),
            (import_cji.Jobs, self.engine.job_list()),
            (import_cji.Job, self.engine.job_get(1)),
            (import_cji.Rows, self.engine.query("SELECT 1")),
        ]
        for kind, value in given:
            with self.subTest(kind.__name__):
                self.assertEqual(get_type_hints(kind).keys(), value.keys())

    def test_the_types_name_every_key_that_the_library_takes(self) -> None:
        header = (support.PROJECT / "include/import_cji.h").read_text("utf-8")
        for kind in ("Options", "CampaignDefinition", "JobFilter", "CustomerFilter", "CustomerChanges", "Outcome"):
            for key in get_type_hints(getattr(import_cji, kind)):
                self.assertIn(f'"{key}"', header)
        options = header[header.index('"timezone"           IANA') : header.index("`error`: NULL, or where")]
        named = {line.split('"')[1] for line in options.splitlines() if line.startswith(' *   "')}
        self.assertLessEqual(named, get_type_hints(import_cji.Options).keys())

    def test_an_engine_can_be_neither_pickled_nor_copied(self) -> None:
        for duplicated in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.subTest(duplicated.__name__), self.assertRaisesRegex(TypeError, "pickled or copied"):
                duplicated(self.engine)

    def test_an_engine_shows_its_store(self) -> None:
        self.assertEqual(repr(self.engine), "<import_cji.Engine ':memory:'>")
