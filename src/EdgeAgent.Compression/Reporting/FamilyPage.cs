namespace EdgeAgent.Compression.Reporting;

/// <summary><c>family.html</c>: everything that <c>family.json</c> knows, for people.</summary>
public static class FamilyPage
{
    /// <summary>The sections, in the order they are asked for: what came out, whether to believe it, how it came about.</summary>
    public static string Of(FamilyReport report)
    {
        var markers = report.Students.Select(s => s.Name).Distinct().Select((name, i) => (name, i)).ToDictionary(m => m.name, m => new Marker(m.i));
        Page.Section[] sections =
        [
            new("family", "The family", FamilySection.Of(report, markers)),
            new("cost", "Accuracy against cost", ParetoSection.Of(report, markers)),
            new("choice", "Which student, and why", ChoiceSection.Of(report, markers)),
            new("difference", "Teacher against students", DifferenceSection.Of(report.Comparisons, markers)),
            new("classes", "Classes, and what was unlearned", ClassesSection.Of(report.Comparisons, markers)),
            new("training", "Training", TrainingSection.Of(report.Passes, markers, report.Teacher.ValidationTop1)),
            new("layers", "Layers", LayersSection.Of(report.Layers, markers)),
            new("passes", "Passes", PassesSection.Of(report.Passes, report.Seconds)),
            new("run", "How to repeat it", RunSection.Of(report)),
        ];
        return Page.Document("compression report", report.Run?.ModelName ?? "Family of students", Lead(report, markers), [.. sections.Where(s => s.Content.ToString().Length > 0)], RunSection.Footer(report.Run));
    }


    private static Html Lead(FamilyReport report, IReadOnlyDictionary<string, Marker> markers)
    {
        var teacher = report.Teacher;
        var students = report.Students.DistinctBy(s => s.Name).ToArray();
        var data = report.TrainingImages > 0 ? $"{Figures.Whole(report.TrainingImages)} training and {Figures.Whole(report.HeldOutImages)} held-out images of {report.Classes.Count} classes, " : "";
        return Html.Of($"""
            <p class="lead">{students.Length} int8 students for {report.Students.Select(s => s.Profile).Distinct().Count()} kinds of board, from {data}in {Figures.Seconds(report.Seconds)}; accuracies on {Figures.Whole(teacher.Samples)} {(teacher.Split == "test" ? "test images, read once at the end" : "held-out images")}.</p>
            <ul class="tiles">
            <li><div class="what">{Marker.Teacher.Inline}teacher, float32</div><div class="figure">{Figures.Percent(teacher.Top1)}</div><div class="more">{Figures.Bytes(teacher.ModelBytes)}, {Figures.Count(teacher.Macs)} MACs</div></li>
            {students.Take(7).Select(s => Html.Of($"<li style=\"--tile:{markers[s.Name].Colour}\"><div class=\"what\">{markers[s.Name].Inline}{s.Name}, int8</div><div class=\"figure\">{Figures.Percent(s.Top1)}</div><div class=\"more\">{Figures.Percent(s.RelativeTop1, 1)} of the teacher, {Figures.Times(s.TimesSmaller)} smaller</div></li>"))}
            </ul>
            {Page.Warnings(report.Warnings)}
            """);
    }
}
