# Long because the names of all columns and the vocabulary stand in one place.
"""Names outside, ids inside: the columns of students' answers and the Vocabulary.

Every other room speaks of items, skills and groups by the ids given here, and of people's files
by the names kept here, so that a model trained on one file answers questions about another.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

PADDING = 0
"""The id of a slot that holds nothing; its name is never shown."""
UNKNOWN = 1
"""The id of a name that the vocabulary does not hold."""
RESERVED = 2
"""Names begin at this id."""
NO_TIME = -(2**63)
"""The time of what nobody knows the time of, among milliseconds since 1970."""

ITEM = "item"
SKILL = "skill"
MODULE = "module"
PROMPT, SCORE, LABEL, PART, FOLD = "prompt", "score", "label", "part", "fold"
ENCODER, ATTRIBUTE, TOLD, ROLE = "encoder", "attribute", "attributes", "role"
GROUP = "group."
TAG = "tag."
"""Kinds of names: ``item``, ``skill``, ``module``; what a network is told of students, such as
``gender: F``, of the ``attributes``, and one ``group.<attribute>`` an attribute of students;
of texts ``prompt``, ``score`` (the overall one, then traits), ``label``, ``part``, ``fold`` and
``encoder``, the checksum of what read them; of lessons ``tag.teacher``, ``tag.student`` and
``role``, who speaks."""
WRITERS = ("writer", "author", "student", "learner", "pupil", "user")
"""Attributes of texts that name who wrote them."""
ROLES = ("teacher", "student")
"""Who speaks in a lesson, by the number that stands for it."""


@dataclass(frozen=True)
class Column:
    """A column that an importer may yield, as a teacher's file would hold it.

    Attributes:
        name: The name inside torchedu.
        required: Whether answers make no sense without it.
        unit: What a value is, in words.
        aliases: Headings by which common exports call it, lower-case.
        instead: The column that will do where this one is required and not there.
    """

    name: str
    required: bool
    unit: str
    aliases: tuple[str, ...] = ()
    instead: str = ""


ANSWER_COLUMNS = (
    Column("student", True, "a name", (
        *("student_id", "user", "user_id", "learner", "learner_id", "anon_student_id"),
        *("studentid", "userid", "uid", "uuid", "pupil", "pupil_id", "username", "user_name"),
        *("schüler", "schueler", "lernende", "studierende", "nutzer", "matrikelnummer"),
        *("teilnehmer", "teilnehmer_id", "schüler_id", "étudiant", "élève", "estudiante", "alumno"),
        *("studente", "alunno", "estudante", "aluno", "leerling", "uczeń", "öğrenci", "ученик"),
        *("студент", "学生", "學生", "学号", "學號", "姓名", "生徒", "학생", "الطالب", "छात्र"),
    )),
    Column("item", True, "a name", (
        *("item_id", "question", "question_id", "problem", "problem_id", "exercise", "itemid"),
        *("questionid", "problemid", "exercise_id", "task", "task_id", "ucid"),
        *("aufgabe", "frage", "aufgabe_id", "frage_id", "exercice", "pregunta", "ejercicio"),
        *("domanda", "esercizio", "pergunta", "questão", "exercício", "vraag", "opgave", "zadanie"),
        *("pytanie", "soru", "вопрос", "задание", "задача", "题目", "題目", "题号", "問題", "문항"),
        *("السؤال", "प्रश्न"),
    )),
    Column("skill", False, "a name, or several joined by a separator", (
        *("skills", "skill_id", "concept", "concepts", "tag", "tags", "kc", "skill_name", "kcs"),
        *("knowledge_component", "topic", "topics", "kompetenz", "thema", "compétence", "tema"),
        *("competencia", "competenza", "тема", "知识点", "知識點", "知識", "المهارة"),
    )),
    Column("correct", True, "0 or 1, a word for right or wrong, or a share of the marks in 0..1", (
        *("score", "is_correct", "iscorrect", "correctness", "answered_correctly", "mark"),
        *("marks", "result", "correct_first_attempt", "richtig", "korrekt", "ergebnis", "grade"),
        *("points", "punkte", "correcte", "réussite", "correcto", "correcta", "puntos", "nota"),
        *("corretto", "punteggio", "correto", "pontos", "goed", "poprawnie", "doğru", "верно"),
        *("балл", "баллы", "是否正确", "是否正確", "正确", "正確", "得分", "分数", "正誤", "点数"),
        *("정답", "점수", "صحيح", "الدرجة", "सही"),
    )),
    Column("time", False, "when it was answered: a date and time, or a number", (
        *("timestamp", "time_stamp", "date", "datetime", "date_time", "start_time", "starttime"),
        *("time_done", "first_transaction_time", "step_start_time", "answered_at", "submitted_at"),
        *("completed_at", "created_at", "dateanswered", "timestamp_tw", "server_time"),
        *("zeit", "zeitstempel", "datum", "beantwortet_am", "fecha", "hora", "heure", "horodatage"),
        *("data", "tijd", "czas", "tarih", "дата", "время", "时间", "時間", "日期", "日時", "시간"),
        *("التاريخ", "الوقت", "समय"),
    )),
    Column("item_text", False, "what the item asks, in words", (
        *("question_text", "problem_text", "exercise_text", "question_body", "problem_body"),
        *("item_stem", "question_stem", "aufgabentext", "fragetext", "énoncé", "enunciado"),
        *("题干", "題幹", "题目内容", "問題文"),
    )),
    Column("order", False,
           "a number by which a student's answers are put in order where times do not tell it",
           ("order_id", "problem_log_id", "log_id", "reihenfolge")),
    Column("response_time", False, "seconds taken to answer", ("elapsed", "elapsed_time")),
    Column("attempt", False, "which attempt at the item this is, from 1", ("attempts",)),
    Column("full_mark", False, "the points that could be had, where correct is points", (
        *("max_score", "maxscore", "max_mark", "max_marks", "max_points", "maxpoints", "out_of"),
        *("points_possible", "possible_points", "possible", "maximum_score", "total_points"),
        *("max_punkte", "höchstpunktzahl", "maximalpunkte", "note_max", "puntos_max", "满分"),
        "満点",
    )),
)  # fmt: skip
"""The columns of answers, a row an answer; further columns may be student attributes (groups)."""

EVENT_KINDS = ("registered", "submitted", "marked", "missed", "transferred", "clicked")
"""Kinds of events as a network sees them."""

EVENT_NUMBERS = (
    *EVENT_KINDS, "tests", "weight", "due", "mark", "failed", "mark_beside_others", "days_late",
    "share_handed_in", "registration", "day", "gap", "standing", "rank", "missing", "missing_rank",
    "clicks", "clicks_beside_others",
)  # fmt: skip
"""The numbers of an event; ``features.course_view`` counts them."""
WORK_NUMBERS = (
    "handed_in", "handed_in_beside_others", "early", "missed_in_a_row", "share_handed_in",
    "mean_mark", "mark_beside_others", "lowest_mark", "score", "weighted_score",
    "weighted_score_beside_others", "rank", "trend", "days_late", "most_days_late", "share_late",
    *(f"{name}_{back}" for back in (1, 2, 3, 4) for name in (
        "handed_in", "mark", "days_late", "standing", "share_handed_in",
    )),
    "next_handed_in", "next_beside_others", "next_share", "next_due", "next_mark",
    "share_due", "last_due",
)  # fmt: skip
"""How a student stands with the work of one kind, the last four pieces one by one."""
OTHER_NUMBERS = (
    "courses_beside", "courses_left", "courses_passed", "courses_failed", "module_again",
    "rank_beside", "missing_rank_beside",
)  # fmt: skip
"""What the other courses of a student tell."""
MOMENT_NUMBERS = (
    "elapsed", "score", "score_of_due", "missing", "num_missed", "num_handed_in", "lateness",
    "standing", "rank", "missing_beside_others", "missing_rank", "lateness_beside_others",
    "lateness_rank", "days_since", "registration", "clicks_beside_others", *OTHER_NUMBERS,
    "marks", "mean_mark", "last_mark", "mean_mark_beside_others", "last_mark_beside_others",
    "share_failed", "last_failed", "mean_days_late", "last_days_late", "mean_share_handed_in",
    "last_share_handed_in", "misses", "mean_missed_weight", "last_missed_weight",
    "share_missed_tests", "last_missed_test",
    *(f"{kind}_{name}" for kind in ("work", "tests") for name in WORK_NUMBERS),
)  # fmt: skip
"""The numbers of a moment, at which a risk is asked for."""


HELD_OUT = "held_out"
"""Column of an importer that says which enrolments a published test part holds."""

ENROLMENT_COLUMNS = (
    ANSWER_COLUMNS[0],
    Column("item", True, "a course's name", (
        *("course", "course_id", "class", "class_id", "module", "item_id", "movie_id", "movieid"),
        *("kurs", "kurs_id", "modul", "lehrveranstaltung", "cours", "curso", "corso", "cursus"),
        *("курс", "课程", "課程", "講座", "과목", "المقرر"),
    )),
    Column("time", False, "when the student enrolled: a date and time, or a number", (
        *("timestamp", "date", "enrolled", "enrolled_at", "enroll_time", "enrol_time", "datum"),
        *("zeit", "angemeldet_am", "fecha", "data", "日期", "时间", "التاريخ"),
    )),
    Column("count", False, "how often, or how much liked: 0 or more", ("rating", "weight")),
    Column("skill", False, "what the course teaches: a name, or several joined by ;", (
        *("skills", "subject", "subjects", "topic", "topics", "field", "fields", "category"),
    )),
)  # fmt: skip
"""The columns of enrolments, a row an enrolment; further columns may be student attributes."""

OUTCOME_COLUMNS = (
    Column(
        "outcome",
        True,
        "how it ended for the student",
        (
            *("result", "final_result", "target", "status", "output", "dropout", "dropped_out"),
            *("passed", "graduated", "final_grade", "grade", "label", "ergebnis", "ausgang"),
            *("abschluss", "bestanden", "studienabbruch", "abschlussnote", "note"),
        ),
    ),
    Column("student", False, "a name; the row's number where there is no such column",
           ANSWER_COLUMNS[0].aliases),
    Column("course", False, "a name", ("course_id", "module", "class", "kurs", "fach", "modul")),
    Column("presentation", False, "the year or term; later ones sort after earlier ones",
           ("year", "term", "semester", "cohort", "jahr", "jahrgang")),
)  # fmt: skip
"""The columns of tables with a row a student and how it ended; further ones may tell of it."""

SENTENCE_COLUMNS = (
    Column(
        "transcript",
        False,
        "the lesson's name; the file's where there is no such column",
        (
            *("lesson", "transcript_id", "lesson_id", "session", "session_id", "conversation_id"),
            *("conversation", "dialogue_id", "dialog_id", "stunde", "unterrichtsstunde"),
        ),
    ),
    Column("speaker", True, "a name", ("speaker_id", "speaker_name", "who")),
    Column("sentence", True, "what was said", ("text", "utterance", "transcription")),
    Column("role", False, "teacher or student", ("speaker_role",)),
    Column("turn", False, "a number or name; another begins another turn", ("turn_id",)),
    Column("tag", False, "the sentence's tag", ("label", "talk_move", "move", "code")),
    Column("teacher_tag", False, "the tag of a teacher's sentence", ("teacher_label",)),
    Column("student_tag", False, "the tag of a student's sentence", ("student_label",)),
    Column("split", False, "train, val or test; the same for all of a lesson", ("part",)),
)
"""The columns of transcripts, a row a sentence, in the order in which they were said."""
TRAIT = "trait."
"""Before the name of a further score, such as ``trait.grammar``, in an importer's columns."""

TEXT_COLUMNS = (
    Column(
        "text",
        True,
        "an essay, or a short answer",
        ("essay", "full_text", "answer", "essay_text", "response", "student_answer"),
    ),
    Column("id", False, "a name", ("essay_id", "text_id", "essay_id_comp", "answer_id")),
    Column(
        "prompt",
        False,
        "the name of the task or question",
        ("essay_set", "prompt_name", "prompt_id", "question_id"),
    ),
    Column(
        "score",
        False,
        "a number",
        (
            *("domain1_score", "holistic_essay_score", "overall", "grade", "mark", "points"),
            *("punkte", "punktzahl", "bewertung", "puntos", "nota", "得分", "分数"),
        ),
    ),
    Column("label", False, "a name, such as correct", ("accuracy", "class")),
    Column("low", False, "the prompt's lowest score", ("lowest", "minimum")),
    Column("high", False, "the prompt's highest score", ("highest", "maximum")),
    Column("rater1", False, "what one human rater gave", ("rater1_domain1",)),
    Column("rater2", False, "what another gave", ("rater2_domain1",)),
    Column("reference", False, "what a right answer says", ("reference_answer", "model_answer")),
    Column("question", False, "what was asked, in full", ("question_text", "assignment")),
    Column("part", False, "train, val or a test part", ("split", "competition_set")),
    Column("fold", False, "the fold in which it is tested", ()),
)
"""The columns of graded texts, a row a text; further ones may be traits and student attributes."""

SPOKEN_COLUMNS = (
    Column(
        "audio",
        True,
        "the path of a recording, beside the table; empty where an answer is typed alone",
        (
            *("recording", "audio_file", "audio_path", "wav", "wav_path", "sound", "voice"),
            *("aufnahme", "enregistrement", "grabación", "registrazione", "gravação", "录音"),
        ),
        "image",
    ),
    Column("image", False, "the path of a photograph, beside the table", (
        *("photo", "photograph", "picture", "image_file", "image_path", "photo_path", "scan"),
        *("foto", "bild", "imagen", "fotografia", "imagem", "图片", "照片"),
    )),
    Column("text", False, "what was typed, or read aloud", (
        "answer", "typed", "transcript", "sentence", "response", "student_answer", "antwort",
    )),
    Column("id", False, "a name", ("answer_id", "utterance", "utt_id", "utterance_id")),
    Column("score", False, "a number", (
        *("total", "grade", "mark", "points", "overall", "correct", "punkte", "bewertung"),
        *("puntos", "nota", "得分", "分数"),
    )),
    Column("speaker", False, "a name", (
        *("speaker_id", "student", "student_id", "learner", "learner_id", "pupil", "user"),
        *("user_id", "sprecher", "schüler", "locuteur", "hablante"),
    )),
    Column("conversation", False, "a name", ("conversation_id", "session", "session_id")),
    Column("part", False, "train, val or test; the same for all of a speaker", ("split",)),
)  # fmt: skip
"""The columns of answers typed, spoken and photographed, a row an answer; further ones may be
traits, which are further scores, and attributes of the speakers."""

CHANNELS = ("typed", "spoken", "photographed")
"""What the channels of such an answer are, in the order in which a batch says which there are."""

SURFACE_NUMBERS = (
    "words", "root_words", "fourth_root_words", "log_words", "characters", "sentences",
    "paragraphs", "word_length", "word_length_spread", "sentence_length", "sentence_length_spread",
    "different_words", "root_different_words", "share_different", "share_once", "evenness",
    "long_words", "share_long", "share_longest", "share_short", "commas", "share_commas",
    "semicolons", "quotes", "questions", "exclamations", "apostrophes", "brackets", "capitals",
    "share_sentences_capital", "digits", "names_hidden", "connectives", "first_person",
    "shared_of_reference", "shared_of_answer", "shared_with_question", "new_of_reference",
    "negation", "negation_differs",
)  # fmt: skip
"""What is counted on the surface of a text; ``features.surface`` counts it."""


class Names:
    """The names of one kind, such as items, in the order of their ids.

    Ids 0 (padding) and 1 (unknown) belong to no name; the first name has id 2.

    Args:
        names: The names, without repeats.

    Raises:
        ValueError: A name stands twice.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = [str(name) for name in names]
        self._ids = {name: RESERVED + i for i, name in enumerate(self._names)}
        if len(self._ids) != len(self._names):
            raise ValueError("a name stands twice in a vocabulary")

    def __len__(self) -> int:
        """Return how many ids there are, the two reserved ones included."""
        return RESERVED + len(self._names)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names in the order of their ids, from id 2."""
        return iter(self._names)

    def __contains__(self, name: str) -> bool:
        """Say whether the name is known."""
        return name in self._ids

    def __eq__(self, other: object) -> bool:
        """Compare names and their order."""
        return isinstance(other, Names) and self._names == other._names

    __hash__ = None  # type: ignore[assignment]

    def id(self, name: str) -> int:
        """Return the id of a name, 1 where it is unknown."""
        return self._ids.get(name, UNKNOWN)

    def ids(self, names: Iterable[str]) -> list[int]:
        """Return the ids of names, 1 where one is unknown."""
        return [self._ids.get(name, UNKNOWN) for name in names]

    def name(self, id: int) -> str:
        """Return the name of an id; ``<padding>`` and ``<unknown>`` for the reserved two."""
        if id < RESERVED:
            return ("<padding>", "<unknown>")[id]
        return self._names[id - RESERVED]

    def grown(self, names: Iterable[str]) -> "Names":
        """Return these names followed by those of ``names`` that are new, ids unmoved."""
        new = dict.fromkeys(str(name) for name in names if name not in self._ids)
        return Names([*self._names, *new])

    def translation(self, other: "Names") -> list[int]:
        """Return, for each of this vocabulary's ids, the id of the same name in ``other``.

        Returns:
            One id for each id here; 1 (unknown) where ``other`` lacks the name.
        """
        return [PADDING, UNKNOWN, *other.ids(self._names)]


class Vocabulary:
    """Names to ids for every kind of name in a data set; plain JSON on disk.

    Kept in the store, the run's folder and the checkpoint. A vocabulary is frozen: growing gives a
    new one in which no id has moved.

    Args:
        kinds: Names by kind: ``item``, ``skill``, ``group.<attribute>``.
    """

    def __init__(self, kinds: dict[str, Names] | None = None) -> None:
        self._kinds = dict(kinds or {})

    def __getitem__(self, kind: str) -> Names:
        """Return the names of a kind; no names where the data has none of that kind."""
        return self._kinds.get(kind) or Names()

    def __eq__(self, other: object) -> bool:
        """Compare all kinds, names and ids."""
        return isinstance(other, Vocabulary) and self._kinds == other._kinds

    __hash__ = None  # type: ignore[assignment]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of names held here."""
        return tuple(self._kinds)

    @property
    def groups(self) -> tuple[str, ...]:
        """The student attributes, such as ``gender``."""
        return tuple(kind[len(GROUP) :] for kind in self._kinds if kind.startswith(GROUP))

    def family(self, bound: str) -> tuple[str, ...]:
        """Return a kind itself, or, where it ends in ``.``, all kinds here that begin with it."""
        if not bound.endswith("."):
            return (bound,)
        return tuple(kind for kind in self._kinds if kind.startswith(bound))

    def family_rows(self, grown: "Vocabulary", bound: str) -> list[int]:
        """Return where the ids of a family of kinds, one kind after the other, have gone.

        Args:
            grown: This vocabulary with more names.
            bound: What the kinds begin with.

        Returns:
            One row for each id here, among the rows of ``grown``.
        """
        begins, total = {}, 0
        for kind in grown.family(bound):
            begins[kind] = total
            total += len(grown[kind])
        return [begins[kind] + id for kind in self.family(bound) for id in range(len(self[kind]))]

    def grown(self, other: "Vocabulary") -> "Vocabulary":
        """Return this vocabulary with the new names of ``other`` at the end of each kind."""
        kinds = dict.fromkeys((*self._kinds, *other._kinds))
        return Vocabulary({kind: self[kind].grown(other[kind]) for kind in kinds})

    def to_json(self) -> dict[str, list[str]]:
        """Return plain lists of names by kind."""
        return {kind: list(names) for kind, names in self._kinds.items()}

    @classmethod
    def from_json(cls, value: dict[str, Sequence[str]]) -> "Vocabulary":
        """Read what ``to_json`` wrote."""
        return cls({kind: Names(names) for kind, names in value.items()})


IN_ALL_RATES, ON_SKILL_RATES = (0.2, 0.05, 0.01), (0.3, 0.1)
"""Rates of the moving averages of a student's marks, in all and on a skill."""
RECENT_ANSWERS = 128
"""Answers among which an item's earlier ones are looked for: so many are kept of a student."""
REMEMBERED_SKILLS = 512
"""Skill ids below which what a student did on a skill is kept."""
SMOOTHED_BY = 5
"""Answers that hold the mean of a student's marks near half."""
LOG_SCALE = 4
"""What logarithms of counts are divided by, so that all numbers of the past are of like size."""
