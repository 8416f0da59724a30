"""What platforms and schools call a student, and what else is about the person and the attempt."""

from collections.abc import Sequence

from torchedu.datasets.importers.reading.columns import plain

STUDENT = (
    *("student_id", "studentid", "sis_user_id", "sis_id", "sis_login_id", "id_number"),
    *("matrikelnummer", "id_nummer", "student", "schüler", "user_id", "username", "benutzername"),
    *("anmeldename", "nutzername", "email_address", "e_mail_adresse", "email", "e_mail", "id"),
    *("número_de_id", "dirección_de_correo", "correo_electrónico", "numéro_d_identification"),
    *("adresse_de_courriel", "adresse_e_mail", "courriel", "matricola", "indirizzo_email"),
    *("número_de_identificação", "endereço_de_email", "学号", "學號", "学籍番号"),
    *("full_name", "vollständiger_name", "nombre_completo", "nom_complet", "nome_completo"),
    *("name", "pupil", "learner", "participant", "teilnehmer", "estudiante", "alumno", "alumna"),
    *("étudiant", "élève", "studente", "aluno", "estudante", "姓名", "学生", "學生", "氏名"),
    *("이름", "학생", "имя_и_фамилия", "ученик", "студент", "الطالب", "اسم_الطالب", "öğrenci"),
)
"""Headings of a student's own name or number, those that tell students best first."""
FIRST = (
    *("first_name", "vorname", "prénom", "nombre", "given_name", "voornaam", "förnamn", "imię"),
    *("primeiro_nome", "имя"),
)
LAST = (
    *("last_name", "surname", "nachname", "nom", "nom_de_famille", "apellido(s)", "apellidos"),
    *("family_name", "cognome", "sobrenome", "último_nome", "achternaam", "efternamn", "nazwisko"),
    *("фамилия",),
)
TIME = (
    *("started_on", "started", "begonnen_am", "begonnen", "submitted", "submitted_at", "timestamp"),
    *("zeitstempel", "start_time", "startzeit", "time", "zeit", "date", "datum", "completed"),
    *("beendet", "completion_time", "fertigstellungszeit", "abgeschlossen", "comenzado_el"),
    *("empezado_el", "commencé_le", "iniciato", "iniziato", "iniciado_em", "gestart_op", "fecha"),
    *("marca_temporal", "horodateur", "时间", "時間", "提交时间", "タイムスタンプ", "data", "hora"),
)
ATTEMPT = ("attempt", "versuch")
TOTAL = (
    *("total", "total_score", "total_points", "score", "sum", "grade", "points", "percent", "mark"),
    *("gesamt", "gesamtpunktzahl", "gesamtpunkte", "punkte", "summe", "note", "bewertung"),
    *("n_correct", "n_incorrect", "average", "mean", "durchschnitt", "rank", "rang", "no.", "nr."),
    *("current_score", "final_score", "current_points", "final_points", "current_grade"),
    *("合計", "合計点", "总分", "總分", "총점", "итого", "somme", "suma", "totale", "toplam"),
    *("razem",),
    *("final_grade", "course_total", "kurs_gesamt", "result", "ergebnis", "outcome"),
)
OTHER = (
    *("institution", "department", "abteilung", "section", "section_id", "section_sis_id"),
    *("root_account", "state", "status", "time_taken", "duration", "verbrauchte_zeit", "dauer"),
    *("quiz_feedback", "feedback", "last_modified_time", "uhrzeit_der_letzten_änderung"),
    *("class", "klasse", "group", "gruppe", "course", "kurs", "age", "alter", "gender"),
    *("geschlecht", "sex", "last_downloaded_from_this_course", "zuletzt_aus_diesem_kurs_geladen"),
)
"""Headings of what is no answer to a question."""
NOBODY = (
    *("points possible", "possible", "max", "maximum", "max points", "max. points", "full marks"),
    *("out of", "höchstpunktzahl", "maximalpunkte", "max. punkte", "mögliche punkte", "erreichbar"),
)
"""What stands in place of a student where a row holds the points that can be reached."""
SUMMARIES = (
    *("overall average", "average", "mean", "median", "total", "sum", "gesamtdurchschnitt"),
    *("durchschnitt", "mittelwert", "summe", "gesamt", "student, test", "test student"),
    *("teststudent", "manual posting"),
)
"""What stands there in other rows that are no student's."""


def column(names: Sequence[str], headings: Sequence[str]) -> int | None:
    """Return where the first of some names stands among headings; None where none does."""
    known = {plain(heading): i for i, heading in reversed(list(enumerate(headings)))}
    return next((known[name] for name in names if name in known), None)


def named(heading: str) -> bool:
    """Say whether a heading is that of a name, a number or an address of a person."""
    return any(plain(heading) in names for names in (STUDENT, FIRST, LAST))


def known(heading: str) -> bool:
    """Say whether a heading is about the person, the attempt or its total, and no question's."""
    name = plain(heading.partition("/")[0])
    ends = ("current_score", "final_score", "current_points", "final_points", "_grade", "_total")
    lists = (STUDENT, FIRST, LAST, TIME, ATTEMPT, TOTAL, OTHER)
    return name.endswith(ends) or any(name in names for names in lists)
