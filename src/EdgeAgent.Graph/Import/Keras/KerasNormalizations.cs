using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Layers that shift and scale: by the sample's own statistics, by those of training, or by given numbers.</summary>
internal static class KerasNormalizations
{
    /// <summary>Groups of channels; -1 is a group for each. Scale and offset are one for each channel.</summary>
    public static Laid Group(KerasCall call)
    {
        var (graph, assembly, rank) = (call.Graph, call.Graph.Assembly, call.Shape.Length);
        if (call.Config["axis"].Int(-1) is not -1 and var axis && axis != rank - 1 || rank < 3)
            throw call.Fault($"normalizes another axis than the last of [{string.Join(',', call.Shape)}], or has no spatial axes, which is not supported");
        var channels = call.Shape[^1];
        var groups = call.Config["groups"].Int(32) is var given && given == -1 ? channels : given;
        if (groups < 1 || channels % groups != 0)
            throw call.Fault($"{channels} channels do not divide into {groups} groups");
        var planar = graph.Planar(call.X);
        var shape = assembly.Shape(planar);
        var grouped = assembly.Emit(call.Name + "_grouped", new Reshape([0, groups, -1]), planar);
        var normal = Normal(call.Name, new(grouped), [2], (float)call.Config["epsilon"].Number(1e-3), graph);
        Laid result = new(assembly.Emit(call.Name, new Reshape([0, .. shape[1..].Select(d => (long)d)]), normal.Name), Planar: true);
        var scaled = call.Config["scale"].Flag(true);
        if (scaled)
            result = graph.Binary(call.Name + "_scaled", new Mul(), result, Weight("gamma", 0));
        return call.Config["center"].Flag(true) ? graph.Binary(call.Name + "_shifted", new Add(), result, Weight("beta", scaled ? 1 : 0)) : result;

        Laid Weight(string name, int position) => new(assembly.Constant($"{call.Name}_{name}", call.Weight(name, position, 1)));
    }

    /// <summary>x / sqrt(mean(x^2) + epsilon) * scale over the last axis.</summary>
    public static Laid RootMeanSquare(KerasCall call, int weight)
    {
        var graph = call.Graph;
        if (call.Config["axis"].IsArray ? call.Config["axis"].Items is not [var only] || only.Int(0) != -1 && only.Int(0) != call.Shape.Length - 1 : call.Config["axis"].Int(-1) is not -1 and var axis && axis != call.Shape.Length - 1)
            throw call.Fault("normalizes other axes than the last, which is not supported");
        Laid x = new(graph.Plain(call.X));
        var squares = graph.Binary(call.Name + "_squares", new Mul(), x, x);
        var mean = graph.Reduce(call.Name + "_mean", new ReduceMean([call.Shape.Length - 1], true), squares);
        var bounded = graph.Binary(call.Name + "_bounded", new Add(), mean, Activations.Number(call.Name + "_epsilon", (float)call.Config["epsilon"].Number(1e-6), graph));
        var normal = graph.Binary(call.Name + "_normal", new Div(), x, graph.Unary(call.Name + "_deviation", new Sqrt(), bounded));
        return graph.Binary(call.Name, new Mul(), normal, new(graph.Assembly.Constant(call.Name + "_scale", call.Weight("scale", weight, 1))));
    }

    /// <summary>Vectors of length 1 along some axes.</summary>
    public static Laid Unit(KerasCall call)
    {
        var rank = call.Shape.Length;
        int[] axes = [.. (call.Config["axis"].IsArray ? call.Config["axis"].Items.Select(i => i.Int(-1)) : [call.Config["axis"].Int(-1)]).Select(a => a < 0 ? a + rank : a).Distinct().Order()];
        return axes.Length > 0 && axes[0] > 0 && axes[^1] < rank
            ? UnitLength(call.Name, new(call.Graph.Plain(call.X)), axes, call.Graph)
            : throw call.Fault($"normalizes the axes [{string.Join(',', axes)}] of [{string.Join(',', call.Shape)}], which is not supported");
    }

    /// <summary>x / sqrt(max(sum(x^2), epsilon)).</summary>
    public static Laid UnitLength(string name, Laid x, int[] axes, ChannelsLastGraph graph, float epsilon = 1e-12f)
    {
        var sum = graph.Reduce(name + "_sum", new ReduceSum(axes, true), graph.Binary(name + "_squares", new Mul(), x, x));
        return graph.Binary(name, new Div(), x, graph.Unary(name + "_length", new Sqrt(), graph.Unary(name + "_bounded", new Clip(epsilon, float.MaxValue), sum)));
    }

    public static Laid Batch(KerasCall call)
    {
        var rank = call.Shape.Length;
        var setting = call.Config["axis"];
        var axis = KerasLayers.Axis(call, setting.IsArray ? setting.Ints(1)![0] : setting.Int(-1), rank);
        if (axis != rank - 1 && axis != 1)
            throw call.Fault($"normalizes axis {axis} of [{string.Join(',', call.Shape)}]; the channels (last or first) are supported");
        var (scaled, centred) = (call.Config["scale"].Flag(true), call.Config["center"].Flag(true));
        var mean = call.Weight("moving_mean", (scaled ? 1 : 0) + (centred ? 1 : 0), 1);
        var variance = call.Weight("moving_variance", (scaled ? 1 : 0) + (centred ? 1 : 0) + 1, 1);
        var gamma = scaled ? call.Weight("gamma", 0, 1) : Filled(mean.Count, 1);
        var beta = centred ? call.Weight("beta", scaled ? 1 : 0, 1) : Filled(mean.Count, 0);
        var first = axis == 1 && rank > 2 && axis != rank - 1;
        var x = first ? new Laid(call.Graph.Plain(call.X), Planar: true) : call.X;
        var y = call.Graph.BatchNorm(call.Name, x, (float)call.Config["epsilon"].Number(1e-3), gamma, beta, mean, variance);
        return first ? new(y.Name) : y;
    }

    public static Laid Layer(KerasCall call)
    {
        var (setting, rank) = (call.Config["axis"], call.Shape.Length);
        int[] axes = [.. (setting.IsArray ? setting.Items.Select(i => i.Int(-1)) : [setting.Int(-1)]).Select(a => a < 0 ? a + rank : a).Order()];
        if (axes.Length == 0 || axes[0] < 1 || !axes.SequenceEqual(Enumerable.Range(rank - axes.Length, axes.Length)))
            throw call.Fault($"normalizes the axes [{string.Join(',', axes)}] of [{string.Join(',', call.Shape)}]; the last ones are supported");
        if (call.Config["rms_scaling"].Flag(false))
            return RootMeanSquare(call, 0);
        var (assembly, scaled, size) = (call.Graph.Assembly, call.Config["scale"].Flag(true), call.Shape[axes[0]..].Aggregate(1L, (a, d) => a * d));
        string Constant(string role, Func<Tensor> tensor) => assembly.Constant($"{call.Name}_{role}", tensor());
        var scale = Constant("scale", () => scaled ? call.Weight("gamma", 0, axes.Length) : Tensor.Of(Enumerable.Repeat(1f, checked((int)size)).ToArray(), call.Shape[axes[0]..]));
        string[] inputs = call.Config["center"].Flag(true)
            ? [call.Graph.Plain(call.X), scale, Constant("offset", () => call.Weight("beta", scaled ? 1 : 0, axes.Length))]
            : [call.Graph.Plain(call.X), scale];
        return new(assembly.Emit(call.Name, new LayerNormalization(axes[0], (float)call.Config["epsilon"].Number(1e-3)), inputs));
    }

    public static Laid Rescaling(KerasCall call)
    {
        var scaled = call.Graph.Binary(call.Name, new Mul(), Real(call), Operand(call, call.Config["scale"], "scale", 1));
        return call.Graph.Binary(call.Name + "_shifted", new Add(), scaled, Operand(call, call.Config["offset"], "offset", 0));
    }

    /// <summary>(x - mean) / max(sqrt(variance), 1e-7) along the last axis; with "invert" the other way round.</summary>
    public static Laid Given(KerasCall call)
    {
        var (setting, rank) = (call.Config["axis"], call.Shape.Length);
        int[] axes = setting.IsArray ? [.. setting.Items.Select(i => i.Int(0))] : [setting.Int(-1)];
        if (axes.Length > 1 || axes.Any(a => a != -1 && a != rank - 1))
            throw call.Fault("normalizes other axes than the last, which is not supported");
        var given = !call.Config["mean"].IsNull && !call.Config["variance"].IsNull;
        var mean = given ? [.. Values(call.Config["mean"])] : call.Weight("mean", 0, -1).Floats;
        var variance = given ? [.. Values(call.Config["variance"])] : call.Weight("variance", 1, -1).Floats;
        if (mean.Length != variance.Length || mean.Length != 1 && mean.Length != call.Shape[^1])
            throw call.Fault($"{mean.Length} means and {variance.Length} variances do not fit {call.Shape[^1]} channels");
        var invert = call.Config["invert"].Flag(false);
        var deviations = Array.ConvertAll(variance, v => Math.Max(Math.Sqrt(v), 1e-7));
        var factors = invert ? deviations : Array.ConvertAll(deviations, d => 1 / d);
        var offsets = mean.Select((m, i) => invert ? m : -m * factors[i]).ToArray();
        var scaled = call.Graph.Binary(call.Name, new Mul(), Real(call), Vector(call, "factor", factors));
        return call.Graph.Binary(call.Name + "_shifted", new Add(), scaled, Vector(call, "offset", offsets));

        static List<float> Values(KerasJson setting) => setting.IsNumber ? [(float)setting.Number(0)] : Numbers(setting);
    }

    /// <summary>These layers take images as they are stored, and cast them.</summary>
    private static Laid Real(KerasCall call) => call.Graph.Cast(call.Name + "_numbers", call.X, ElementType.Float32);

    /// <summary>To mean 0 and variance 1 over some axes.</summary>
    private static Laid Normal(string name, Laid x, int[] axes, float epsilon, ChannelsLastGraph graph)
    {
        var centred = graph.Binary(name + "_centred", new Sub(), x, graph.Reduce(name + "_mean", new ReduceMean(axes, true), x));
        var variance = graph.Reduce(name + "_variance", new ReduceMean(axes, true), graph.Binary(name + "_squares", new Mul(), centred, centred));
        var deviation = graph.Unary(name + "_deviation", new Sqrt(), graph.Binary(name + "_bounded", new Add(), variance, Activations.Number(name + "_epsilon", epsilon, graph)));
        return graph.Binary(name + "_normal", new Div(), centred, deviation);
    }

    /// <summary>A number, or one for each channel, as an operand.</summary>
    private static Laid Operand(KerasCall call, KerasJson setting, string role, float otherwise) =>
        setting.IsArray
            ? new(call.Graph.Assembly.Constant($"{call.Name}_{role}", Tensor.Of([.. Numbers(setting)], Numbers(setting).Count)))
            : KerasLayers.Number(call, role, (float)setting.Number(otherwise));

    private static List<float> Numbers(KerasJson list) => [.. list.Items.SelectMany(i => i.IsArray ? Numbers(i) : [(float)i.Number(0)])];

    private static Laid Vector(KerasCall call, string role, double[] values) =>
        new(call.Graph.Assembly.Constant($"{call.Name}_{role}", Tensor.Of(Array.ConvertAll(values, v => (float)v), values.Length)));

    private static Tensor Filled(int count, float value) => Tensor.Of(Enumerable.Repeat(value, count).ToArray(), count);
}
