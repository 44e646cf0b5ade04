namespace EdgeAgent.Compression.Reporting;

/// <summary>
/// What a model looks like in all plots: colours that colour-blind people can tell apart (after Okabe and Ito), and shapes
/// that everybody can tell apart in a grey print.
/// </summary>
/// <param name="Index">-1 is the teacher: a hollow diamond in ink.</param>
internal readonly record struct Marker(int Index)
{
    private static readonly string[] Colours = ["#0072b2", "#c8500a", "#00815b", "#9b4f96", "#8f6a00", "#2b7fb8"];

    /// <summary>Drawn around (0, 0), about eleven wide.</summary>
    private static readonly string[] Shapes = ["M-4.8 0a4.8 4.8 0 1 0 9.6 0a4.8 4.8 0 1 0 -9.6 0z", "M-4.4 -4.4h8.8v8.8h-8.8z", "M0 -5.6L5.3 4H-5.3z", "M0 5.6L-5.3 -4H5.3z", "M-1.7 -5.2h3.4v3.5h3.5v3.4h-3.5v3.5h-3.4v-3.5h-3.5v-3.4h3.5z"];

    public static Marker Teacher => new(-1);

    public string Colour => Index < 0 ? "#1b1f24" : Colours[Index % Colours.Length];

    public Html At(double x, double y) => Index < 0
        ? Html.Of($"<path class=\"mark\" transform=\"translate({x} {y})\" d=\"M0 -6L6 0L0 6L-6 0z\" fill=\"#fff\" stroke=\"{Colour}\" stroke-width=\"2\"/>")
        : Html.Of($"<path class=\"mark\" transform=\"translate({x} {y})\" d=\"{Shapes[Index % Shapes.Length]}\" fill=\"{Colour}\" stroke=\"#fff\" stroke-width=\"1\"/>");

    /// <summary>For a line of text.</summary>
    public Html Inline => Html.Of($"<svg class=\"key\" viewBox=\"-8 -8 16 16\" aria-hidden=\"true\">{At(0, 0)}</svg>");
}
