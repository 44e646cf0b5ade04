namespace EdgeAgent.Compression.Reporting;

/// <summary>Teacher and students in one table, for each board.</summary>
internal static class FamilySection
{
    public static Html Of(FamilyReport report, IReadOnlyDictionary<string, Marker> markers)
    {
        var teacher = report.Teacher;
        var boards = report.Students.Select(s => s.Profile).Distinct().Select(profile =>
        {
            var board = report.Profiles.FirstOrDefault(p => p.Id == profile);
            IReadOnlyList<Html>[] rows =
            [
                [Html.Of($"{Marker.Teacher.Inline}teacher"), Page.Text(Figures.Percent(teacher.Top1)), Page.Text(Figures.Interval(teacher.Interval)), Html.Empty, Page.Text(Figures.Bytes(teacher.ModelBytes)), Html.Empty,
                    Page.Text(Figures.Count(teacher.Macs)), Page.Text(board is null ? "" : Figures.Microseconds(board.TeacherUs)), Page.Text(board is null ? "" : Figures.Millijoules(board.TeacherMj)), Html.Empty],
                .. report.Students.Where(s => s.Profile == profile).Select(s => Row(report, s, board, markers[s.Name])),
            ];
            return Page.Table(Caption(profile, board), ["", "top-1", "95 %", "of teacher", "model.onnx", "smaller", "MACs", "latency", "energy", "file = simulation"], rows);
        });
        return Html.Of($"""
            <p>Accuracies are those of the written <code>model.onnx</code> files in ONNX Runtime, with Wilson 95 % intervals, on {Figures.Whole(teacher.Samples)} {(teacher.Split == "test" ? "test" : "held-out")} images.
            Latency is that of one image on one thread, predicted by the board's cost model, the teacher's in float32; energy is latency times the board's power. The last column is the share of held-out images on which ONNX Runtime gives the class of the exact int8 simulation.</p>
            {boards}
            <p class="note-text">The teacher takes {Figures.Microseconds(teacher.P50Us)} in ONNX Runtime on the machine that trained, one thread (median).</p>
            """);
    }

    private static IReadOnlyList<Html> Row(FamilyReport report, StudentReport s, ProfileReport? board, Marker marker)
    {
        var chosen = report.Choices.Any(c => c.Profile == s.Profile && c.Student == s.Name);
        var faster = board is not null && s.PredictedUs > 0 ? Html.Of($"{Figures.Microseconds(s.PredictedUs)} ({Figures.Times(board.TeacherUs / s.PredictedUs)})") : Page.Text(Figures.Microseconds(s.PredictedUs));
        return
        [
            Html.Of($"{marker.Inline}{s.Name}{(chosen ? Html.Trusted(" <span class=\"chosen\">chosen</span>") : Html.Empty)}"), Page.Text(Figures.Percent(s.Top1)), Page.Text(Figures.Interval(s.Interval)), Page.Text(Figures.Percent(s.RelativeTop1, 1)),
            Page.Text(Figures.Bytes(s.OnnxBytes)), Page.Text(Figures.Times(s.TimesSmaller)), Page.Text(Figures.Count(s.Macs)), faster, Page.Text(s.EnergyMj > 0 ? Figures.Millijoules(s.EnergyMj) : ""), Page.Text(Figures.Percent(s.Agreement)),
        ];
    }

    private static string Caption(string profile, ProfileReport? board) => board is null
        ? profile
        : $"{profile}: {board.Name}, {board.Core}, engine {board.Engine.ToString().ToLowerInvariant()}, {board.Activations} activations{(board.Label is { } label ? $" ({label})" : "")}";
}
