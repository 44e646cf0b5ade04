using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>
/// TensorFlow writes a dilated convolution as three operators: images are taken apart into a larger batch, convolved, and put
/// together again. Which values are made of which whole images is noted here, so that the last of the three becomes a
/// convolution with dilations; what was emitted in between is then read by nothing and goes.
/// </summary>
internal sealed class BlockedImages(ChannelsLastGraph graph)
{
    /// <summary>The whole image of a value that was taken apart, before it was padded.</summary>
    private readonly record struct Apart(Laid X, int[] Block, (int Before, int After)[] Margins);

    /// <summary>What a value is when it is put together, of which margins are cut off.</summary>
    private readonly record struct Computed(int[] Block, Func<(int Before, int After)[], Laid> Whole);

    private readonly Dictionary<string, Apart> _apart = [];
    private readonly Dictionary<string, Computed> _computed = [];

    public void TakenApart(Laid made, Laid x, int[] block, (int Before, int After)[] margins) => _apart[made.Name] = new(x, block, margins);

    /// <summary>The value put together, if it is known how it comes from whole images.</summary>
    public Laid? Whole(Laid value, int[] block, (int Before, int After)[] crops) =>
        _computed.TryGetValue(value.Name, out var computed) && computed.Block.AsSpan().SequenceEqual(block) ? computed.Whole(crops) : null;

    /// <param name="convolve">A convolution of an image by another window.</param>
    public void Convolved(string name, Laid x, Laid y, Window window, Func<Laid, Window, Laid> convolve)
    {
        if (!_apart.TryGetValue(x.Name, out var apart) || apart.Block.Length != window.Kernel.Length || window.Strides.Any(s => s != 1) || window.Pads.Any(p => p != 0))
            return;
        _computed[y.Name] = new(apart.Block, crops =>
        {
            var (dilated, starts, ends) = Dilated(window, apart.Block, apart.Margins, crops);
            var whole = convolve(apart.X, dilated);
            var sizes = graph.Shape(whole);
            int[] cut = [.. Enumerable.Range(0, starts.Length).Where(i => starts[i] + ends[i] > 0)];
            return graph.Slice(name + "_cropped", whole, new([.. cut.Select(i => starts[i])], [.. cut.Select(i => sizes[1 + i] - ends[i])], [.. cut.Select(i => 1 + i)], [.. cut.Select(_ => 1)]));
        });
    }

    /// <summary>
    /// The window that sees in the whole image what <paramref name="window"/> sees in its parts, and what is to be cut off its result:
    /// the margins of the output shorten those of the input, and what these do not have is cut off.
    /// </summary>
    public static (Window Window, int[] Starts, int[] Ends) Dilated(Window window, int[] block, (int Before, int After)[] margins, (int Before, int After)[] crops)
    {
        var axes = block.Length;
        var (pads, starts, ends) = (new int[2 * axes], new int[axes], new int[axes]);
        for (var i = 0; i < axes; i++)
        {
            (pads[i], pads[i + axes]) = (Math.Max(margins[i].Before - crops[i].Before, 0), Math.Max(margins[i].After - crops[i].After, 0));
            (starts[i], ends[i]) = (Math.Max(crops[i].Before - margins[i].Before, 0), Math.Max(crops[i].After - margins[i].After, 0));
        }
        return (window with { Pads = pads, Dilations = [.. window.Dilations.Zip(block, (d, b) => d * b)] }, starts, ends);
    }

    /// <summary>An operator that computes every pixel by itself.</summary>
    public void Pointwise(Laid x, Laid y, Func<Laid, Laid> apply)
    {
        if (_computed.TryGetValue(x.Name, out var computed))
            _computed[y.Name] = new(computed.Block, crops => apply(computed.Whole(crops)));
    }

    /// <summary>An axis of size 1 put in among the spatial ones, or taken out: how one axis is convolved as two.</summary>
    public void Reshaped(string name, Laid x, Laid y, int[] from, int[] to, Func<string, Exception> fault)
    {
        var (longer, shorter) = from.Length > to.Length ? (from, to) : (to, from);
        if (longer.Length != shorter.Length + 1 || !(_apart.ContainsKey(x.Name) || _computed.ContainsKey(x.Name)))
            return;
        var axis = Enumerable.Range(1, longer.Length - 2).FirstOrDefault(i => longer[i] == 1 && longer[..i].Concat(longer[(i + 1)..]).SequenceEqual(shorter), -1);
        if (axis < 0)
            return;
        if (to.Length > from.Length && _apart.TryGetValue(x.Name, out var apart) && axis - 1 <= apart.Block.Length)
        {
            var whole = graph.Shape(apart.X);
            _apart[y.Name] = new(graph.Reshape(name + "_whole", apart.X, [.. whole[..axis], 1, .. whole[axis..]], fault), Inserted(apart.Block, axis - 1, 1), Inserted(apart.Margins, axis - 1, (0, 0)));
        }
        else if (to.Length < from.Length && _computed.TryGetValue(x.Name, out var computed) && axis <= computed.Block.Length && computed.Block[axis - 1] == 1)
            _computed[y.Name] = new([.. computed.Block[..(axis - 1)], .. computed.Block[axis..]], crops =>
            {
                var whole = computed.Whole(Inserted(crops, axis - 1, (0, 0)));
                var shape = graph.Shape(whole);
                return graph.Reshape(name + "_whole", whole, [.. shape[..axis], .. shape[(axis + 1)..]], fault);
            });
    }

    private static T[] Inserted<T>(T[] values, int index, T value) => [.. values[..index], value, .. values[index..]];
}
