using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>How wide a student is: channels kept of each dependency group.</summary>
/// <param name="Name">Unique in the family, for example <c>w0.19</c>, or <c>m0.38</c> of mobile blocks.</param>
/// <param name="Width">The share of the channels kept, on the geometric mean over groups, weighted by their size.</param>
/// <param name="Counts">One entry per group; frozen groups keep their size.</param>
public sealed record StudentShape(string Name, double Width, IReadOnlyList<int> Counts)
{
    /// <summary>Of which model the groups are.</summary>
    public BlockKind Blocks { get; init; }

    public bool IsSame(StudentShape other) => Blocks == other.Blocks && Counts.SequenceEqual(other.Counts);

    /// <summary>The smallest shape that contains all of the given ones.</summary>
    public static int[] Hull(IReadOnlyList<StudentShape> shapes) =>
        [.. Enumerable.Range(0, shapes[0].Counts.Count).Select(g => shapes.Max(s => s.Counts[g]))];
}

/// <summary>What a shape costs, before it is trained.</summary>
/// <param name="Parameters">Weights and biases after batch-norms are folded.</param>
/// <param name="OnnxBytes">Estimated size of the int8 model.onnx.</param>
public sealed record ShapeCost(long Parameters, long Macs, long OnnxBytes);

/// <summary>Computes shapes from a single width number, and their cost.</summary>
public sealed class ShapeCatalogue(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, int channelMultiple, BlockKind blocks = BlockKind.Sliced)
{
    /// <summary>
    /// Wide groups are narrowed more than narrow ones: channels ~ width * C * (C_min / C)^taper. Most parameters of a CNN sit in
    /// its last, widest layers, most of its work in the first; at equal file size a tapered student therefore computes more and
    /// is more accurate than a uniform one.
    /// </summary>
    public const double Taper = 0.25;

    /// <summary>Tapers that are tried beyond the first where a student has few channels.</summary>
    private const double TaperStep = 0.15;

    private const int Tapers = 5;

    /// <summary>Few channels, and so many that a group can be asked to have more, in steps of the channel multiple.</summary>
    private const int FewestSteps = 2, StepsOfAWideGroup = 4;

    /// <summary>Bytes per node (name, attributes, scales, zero points of its QDQ pairs) and per output channel (weight scale, bias, bias scale) beside the weights.</summary>
    private const int NodeBytes = 260, ChannelBytes = 12;

    private readonly ChannelCosts _costs = new(graph, groups);
    private readonly int _nodes = graph.Nodes.Count(n => n.Op is not BatchNormalization);

    public IReadOnlyList<ChannelGroup> Groups => groups;

    public StudentShape At(double width, double taper = Taper)
    {
        var free = groups.Where(g => !g.Frozen && g.Size > channelMultiple).ToArray();
        var narrowest = free.Length == 0 ? 1 : free.Min(g => g.Size);
        var counts = groups.Select(g => g.Frozen ? g.Size : Round(width * g.Size * Math.Pow((double)narrowest / g.Size, taper), g.Size)).ToArray();
        return new StudentShape("", EffectiveWidth(counts), counts) { Blocks = blocks };
    }

    public ShapeCost Cost(StudentShape shape)
    {
        var parameters = _costs.Parameters(shape.Counts);
        return new ShapeCost(parameters, _costs.Macs(shape.Counts), parameters + _costs.ConvolutionChannels(shape.Counts) * ChannelBytes + _nodes * (long)NodeBytes);
    }

    /// <summary>All channels of the model.</summary>
    public StudentShape Whole => new("", 1, [.. groups.Select(g => g.Size)]) { Blocks = blocks };

    /// <summary>
    /// The widest shape that <paramref name="fits"/>, and on top of it what still fits of single groups; the narrowest there is
    /// when none does. Where the taper leaves a group with fewer than <see cref="FewestSteps"/> steps of channels, and a stronger one
    /// does not and has more channels in layers altogether, it is that one: the first layers of a very small student are those which can
    /// spare the least.
    /// </summary>
    /// <param name="fits">Monotone: what a shape fits, narrower ones fit.</param>
    /// <param name="taper">0: uniform, and nothing on top.</param>
    /// <returns>And the next wider one, which does not fit; null where the whole model fits.</returns>
    public (StudentShape Shape, StudentShape? Next) Widest(Func<StudentShape, ShapeCost, bool> fits, double taper = Taper)
    {
        var widest = WidestOf(fits, taper);
        if (taper == 0)
            return widest;
        var worth = _costs.Logarithms(widest.Shape.Counts);
        for (var i = 1; i <= Tapers && !IsRoomy(widest.Shape); i++)
            if (WidestOf(fits, taper + i * TaperStep) is var other && IsRoomy(other.Shape) && _costs.Logarithms(other.Shape.Counts) > worth)
                widest = other;
        return widest.Next is null ? widest : (Filled(widest.Shape, fits), widest.Next);
    }

    private (StudentShape Shape, StudentShape? Next) WidestOf(Func<StudentShape, ShapeCost, bool> fits, double taper)
    {
        var (best, next) = Search(0, 1, At(0, taper), null);
        if (next is not null)
            return (best, next);
        // With a taper, wide groups have not all of their channels at the width 1 yet.
        return fits(Whole, Cost(Whole)) ? (Whole, null) : Search(1, WidthOfAll(taper), best, Whole);

        (StudentShape Shape, StudentShape? Next) Search(double low, double high, StudentShape widest, StudentShape? wider)
        {
            for (var i = 0; i < 20; i++)
            {
                var middle = (low + high) / 2;
                var shape = At(middle, taper);
                if (fits(shape, Cost(shape)))
                    (widest, low) = (shape, middle);
                else
                    (wider, high) = (shape, middle);
            }
            return (widest, wider);
        }
    }

    private bool IsRoomy(StudentShape shape) =>
        groups.Zip(shape.Counts).All(g => g.First.Frozen || g.First.Size < StepsOfAWideGroup * channelMultiple || g.Second >= FewestSteps * channelMultiple);

    /// <summary>
    /// Few channels in steps of a multiple are a coarse measure: of 250 kB asked for, a width may leave 25 unused. They go, a step at a
    /// time, to the group in which they are worth most: for a layer's worth stands the logarithm of its channels, for the price the
    /// share of the bytes and of the work.
    /// </summary>
    private StudentShape Filled(StudentShape shape, Func<StudentShape, ShapeCost, bool> fits)
    {
        if (!fits(shape, Cost(shape)))
            return shape;
        List<int> open = [.. Enumerable.Range(0, groups.Count).Where(g => !groups[g].Frozen)];
        while (true)
        {
            open.RemoveAll(g => shape.Counts[g] == groups[g].Size);
            if (open.Count == 0)
                return shape;
            var (cost, worth) = (Cost(shape), _costs.Logarithms(shape.Counts));
            var (group, wider) = open.Select(g => (Group: g, Shape: Wider(g))).MaxBy(w => Gain(w.Shape));
            // What does not fit now never will: the others only grow.
            if (fits(wider, Cost(wider)))
                shape = wider;
            else
                open.Remove(group);

            StudentShape Wider(int g)
            {
                int[] counts = [.. shape.Counts];
                counts[g] = Math.Min(groups[g].Size, counts[g] + channelMultiple);
                return shape with { Counts = counts, Width = EffectiveWidth(counts) };
            }

            double Gain(StudentShape w)
            {
                var price = Cost(w);
                return (_costs.Logarithms(w.Counts) - worth) / ((double)(price.OnnxBytes - cost.OnnxBytes) / cost.OnnxBytes + (double)(price.Macs - cost.Macs) / Math.Max(1, cost.Macs));
            }
        }
    }

    /// <summary>The width at which every group has all of its channels, to the multiple.</summary>
    private double WidthOfAll(double taper)
    {
        int[] free = [.. groups.Where(g => !g.Frozen && g.Size > channelMultiple).Select(g => g.Size)];
        return free.Length == 0 ? 1 : Math.Pow((double)free.Max() / free.Min(), taper);
    }

    private int Round(double channels, int size) =>
        Math.Min(size, Math.Max(1, (int)Math.Round(channels / channelMultiple)) * channelMultiple);

    private double EffectiveWidth(int[] counts)
    {
        double kept = 0, all = 0;
        for (var g = 0; g < counts.Length; g++)
            if (!groups[g].Frozen)
                (kept, all) = (kept + groups[g].Size * Math.Log((double)counts[g] / groups[g].Size), all + groups[g].Size);
        return all == 0 ? 1 : Math.Exp(kept / all);
    }
}
