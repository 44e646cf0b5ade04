using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Layers that give images and sequences another size.</summary>
internal static class KerasImages
{
    public static Laid ZeroPadding(KerasCall call, int axes)
    {
        var margins = Margins(call, call.Config["padding"], axes);
        var (rank, first) = (axes + 2, call.ChannelsFirst ? 2 : 1);
        if (call.Shape.Length != rank)
            throw call.Fault($"input [{string.Join(',', call.Shape)}] does not have {axes} spatial axes");
        var pads = new int[2 * rank];
        for (var i = 0; i < axes; i++)
            (pads[first + i], pads[first + i + rank]) = margins[i];
        return call.Graph.Pad(call.Name, call.X, pads, 0);
    }

    public static Laid Crop(KerasCall call, int axes)
    {
        var margins = Margins(call, call.Config["cropping"], axes);
        var first = call.ChannelsFirst ? 2 : 1;
        if (call.Shape.Length != axes + 2)
            throw call.Fault($"input [{string.Join(',', call.Shape)}] does not have {axes} spatial axes");
        int[] cut = [.. Enumerable.Range(0, axes).Where(i => margins[i] != (0, 0))];
        return call.Graph.Slice(call.Name, call.X, new(
            [.. cut.Select(i => margins[i].Before)], [.. cut.Select(i => call.Shape[first + i] - margins[i].After)],
            [.. cut.Select(i => first + i)], [.. cut.Select(_ => 1)]));
    }

    public static Laid CenterCrop(KerasCall call)
    {
        int[] sizes = [call.Config["height"].Int(0), call.Config["width"].Int(0)];
        var first = call.ChannelsFirst ? 2 : 1;
        if (call.Shape.Length != 4 || sizes[0] < 1 || sizes[1] < 1 || call.Shape[first] < sizes[0] || call.Shape[first + 1] < sizes[1])
            throw call.Fault($"crops [{string.Join(',', call.Shape)}] to {sizes[0]} x {sizes[1]}; images that are smaller are not supported");
        var starts = sizes.Select((s, i) => (call.Shape[first + i] - s) / 2).ToArray();
        int[] cut = [.. Enumerable.Range(0, 2).Where(i => call.Shape[first + i] != sizes[i])];
        return call.Graph.Slice(call.Name, call.X, new([.. cut.Select(i => starts[i])], [.. cut.Select(i => starts[i] + sizes[i])], [.. cut.Select(i => first + i)], [.. cut.Select(_ => 1)]));
    }

    public static Laid UpSampling(KerasCall call, int axes)
    {
        var (x, result) = call.Spatial(axes);
        var factors = call.Config["size", "length"].Ints(axes) ?? Enumerable.Repeat(2, axes).ToArray();
        if (factors.Any(f => f is < 1 or > 1 << 12))
            throw call.Fault($"grows by [{string.Join(',', factors)}], which is not supported");
        var (coordinates, rounding) = call.Config["interpolation"].Text("nearest") switch
        {
            "nearest" => (ResizeCoordinates.Asymmetric, ResizeRounding.Floor),
            "bilinear" when axes == 2 => (ResizeCoordinates.HalfPixel, ResizeRounding.Linear),
            var other => throw call.Fault($"interpolation '{ModelImportException.OneLine(other)}' is not supported; supported are nearest and bilinear"),
        };
        var sizes = call.Graph.Shape(x)[1..^1].Zip(factors, (size, factor) => checked(size * factor)).ToArray();
        return result(call.Graph.Resize(call.Name, x, new(sizes, Array.ConvertAll(factors, f => (float)f), coordinates, rounding)));
    }

    public static Laid Resizing(KerasCall call)
    {
        var (x, result) = call.Spatial(2);
        int[] sizes = [call.Config["height"].Int(0), call.Config["width"].Int(0)], from = call.Graph.Shape(x)[1..3];
        var kept = new[] { "crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias" }.FirstOrDefault(s => call.Config[s].Flag(false));
        if (sizes.Any(s => s is < 1 or > 1 << 15) || kept is not null)
            throw call.Fault($"resizes to {sizes[0]} x {sizes[1]}{(kept is null ? "" : $" with {kept}")}, which is not supported");
        var rounding = call.Config["interpolation"].Text("bilinear") switch
        {
            "bilinear" => ResizeRounding.Linear,
            "nearest" => ResizeRounding.RoundPreferCeil,
            var other => throw call.Fault($"interpolation '{ModelImportException.OneLine(other)}' is not supported; supported are nearest and bilinear"),
        };
        return result(call.Graph.Resize(call.Name, x, new(sizes, [.. sizes.Zip(from, (to, size) => (float)((double)to / size))], ResizeCoordinates.HalfPixel, rounding)));
    }

    /// <summary>[before, after] for each spatial axis, from one number, one for each axis or a pair for each.</summary>
    private static (int Before, int After)[] Margins(KerasCall call, KerasJson setting, int axes)
    {
        if (setting.IsNull)
            return Enumerable.Repeat((1, 1), axes).ToArray();
        if (setting.IsNumber)
            return Enumerable.Repeat((setting.Int(0), setting.Int(0)), axes).ToArray();
        var items = setting.Items;
        var margins = axes == 1 && items.Count == 2 && items[0].IsNumber
            ? [(items[0].Int(0), items[1].Int(0))]
            : items.Select(i => i.Ints(2) is [var before, var after] ? (before, after) : throw call.Fault("has no margins")).ToArray();
        return margins.Length == axes && !margins.Any(m => m.Item1 is < 0 or > 1 << 15 || m.Item2 is < 0 or > 1 << 15)
            ? margins
            : throw call.Fault($"its margins do not fit {axes} axes");
    }
}
