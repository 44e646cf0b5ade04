namespace EdgeAgent.Compression.Reporting;

/// <summary>Each student's layers: what they cost, and what int8 does to them.</summary>
internal static class LayersSection
{
    private const int MostRows = 150;

    public static Html Of(IReadOnlyList<StudentLayers> layers, IReadOnlyDictionary<string, Marker> markers) => layers.Count == 0 ? Html.Empty : Html.Of($"""
        <p>Sensitivity: only this layer rounds, its weights and its result; everything else stays float32. <i>Logit error</i> is the root mean square change of the logits over that of the logits themselves, <i>other class</i> the share of images that the layer alone moves to another class. Int8 error: everything rounds, as in the exported file (exact simulation), and the result of each layer is compared with the float graph's: signal-to-quantization-noise ratio, where 6 dB are one bit.</p>
        {Page.Plots([Page.Figure("Int8 error along the network", Depth(layers, markers)), Page.Figure("Sensitivity along the network", Sensitivity(layers, markers)), Page.Figure("Work along the network", Work(layers, markers))])}
        {Page.Legend(layers.Select((s, i) => (markers.GetValueOrDefault(s.Student, new Marker(i)), Name(s))))}
        {layers.Select(Table)}
        """);

    private static Html Depth(IReadOnlyList<StudentLayers> layers, IReadOnlyDictionary<string, Marker> markers) =>
        Along("Int8 error along the network", "Signal-to-quantization-noise ratio of each layer's result, all of the network in int8.", "SQNR, dB", layers, markers, l => l.SqnrDb, v => Figures.Fixed(v, 1) + " dB");

    private static Html Sensitivity(IReadOnlyList<StudentLayers> layers, IReadOnlyDictionary<string, Marker> markers) =>
        Along("Sensitivity along the network", "Relative change of the logits when one layer alone is in int8.", "logit error, %", layers, markers, l => l.LogitError * 100, v => Figures.Fixed(v, 2) + " %");

    private static Html Work(IReadOnlyList<StudentLayers> layers, IReadOnlyDictionary<string, Marker> markers) =>
        Along("Work along the network", "Multiply-accumulates of each layer.", "million MACs", layers, markers, l => l.Macs > 0 ? l.Macs / 1e6 : null, v => Figures.Fixed(v, 2) + " million MACs");

    private static Html Along(
        string title, string description, string label, IReadOnlyList<StudentLayers> layers, IReadOnlyDictionary<string, Marker> markers, Func<LayerReport, double?> value, Func<double, string> text)
    {
        PlotSeries[] series = [.. layers.Select((s, i) => new PlotSeries(Name(s), markers.GetValueOrDefault(s.Student, new Marker(i)),
            [.. s.Layers.Select((l, at) => (l, at)).Where(l => value(l.l) is not null).Select(l => new PlotPoint(l.at + 1, value(l.l)!.Value, Tip: $"{Name(s)}, {l.l.Name}: {text(value(l.l)!.Value)}"))], Line: true, Marked: s.Layers.Count <= 24))];
        var points = series.SelectMany(s => s.Points).ToArray();
        return new Plot(title, description, Axis.Linear("layer, from the input", points.Select(p => p.X).DefaultIfEmpty(1), (0.5, double.PositiveInfinity)),
            Axis.Linear(label, points.Select(p => p.Y).Append(0), (0, double.PositiveInfinity)), series).Draw();
    }

    private static Html Table(StudentLayers student)
    {
        var macs = Math.Max(1, student.Layers.Max(l => l.Macs));
        var worst = student.Layers.Max(l => l.LogitError) ?? 0;
        var rows = student.Layers.Take(MostRows).Select((l, i) => (IReadOnlyList<Html>)
        [
            Html.Of($"{i + 1}. {l.Name}"), Page.Text(l.Type), Page.Text(Channels(l)), Page.Text(string.Join(" × ", l.OutputShape.Skip(1))),
            l.Macs == 0 ? Html.Empty : Page.Bar((double)l.Macs / macs, Figures.Count(l.Macs)), Page.Text(l.Parameters == 0 ? "" : Figures.Count(l.Parameters)),
            l.LogitError is { } error ? Page.Bar(worst > 0 ? error / worst : 0, Figures.Percent(error)) : Html.Empty, Page.Text(l.Changed is { } changed ? Figures.Percent(changed, 1) : ""), Page.Text(l.Top1 is { } top1 ? Figures.Percent(top1, 1) : ""),
            Page.Text(l.SqnrDb is { } db ? $"{Figures.Fixed(db, 1)} dB" : ""),
        ]);
        var left = student.Layers.Count > MostRows ? $"; the first {MostRows} of {student.Layers.Count}, the others are in the JSON document" : "";
        return Html.Of($"""
            <h3>{Name(student)}</h3>
            {Page.Table($"Layers of {Name(student)}: sensitivity on {student.SensitivityImages} held-out images ({Figures.Percent(student.FloatTop1, 1)} right in float32), int8 error on {student.ErrorImages}{left}",
                ["", Page.Column.Text("operator"), "channels", "size", "MACs", "parameters", "logit error", "other class", "top-1", "int8 error"], rows)}
            """);
    }

    private static string Channels(LayerReport layer) => layer.OutputShape.Count == 0 ? ""
        : layer.TeacherChannels is { } wide && wide != layer.OutputShape[0] ? $"{layer.OutputShape[0]} of {wide}" : $"{layer.OutputShape[0]}";

    private static string Name(StudentLayers layers) => layers.Activations == "symmetric" ? $"{layers.Student}, symmetric" : layers.Student;
}
